import fc from "fast-check";
import { expect, test } from "vitest";
import { UNBOUNDED } from "../../src/replay/load/bounds.ts";
import { closedLoop } from "../../src/replay/load/closed-loop.ts";
import { RequestSource } from "../../src/replay/load/request-source.ts";
import { conversations, drawnBounds as bounds, drawnTurns as turns, toAsync } from "../drawn-load.ts";
import { HandSender } from "../hand-sender.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20261130, numRuns: runs(40) };

test("a closed loop keeps as many in flight as it may, sends all once, and no turn before its answer and thought", async () => {
  await fc.assert(
    fc.asyncProperty(turns, fc.integer({ min: 1, max: 6 }), fc.nat(), async (drawn, streams, seed) => {
      const trace = conversations(drawn);
      const sender = new HandSender(seed);
      const source = new RequestSource(toAsync(trace));
      const played = closedLoop(() => source.next(), streams, UNBOUNDED).play(sender);
      const most = await sender.playOut();
      await played;
      expect(sender.given.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
        trace.map((_, i) => i),
      );
      expect(most).toBeLessThanOrEqual(streams);
      for (const { index, startMs, request } of sender.given) {
        const { session, turn = 1, thinkMs = 0 } = request;
        if (session === undefined || turn === 1) continue;
        const before = trace.findIndex((one) => one.session === session && one.turn === turn - 1);
        expect(startMs).toBeGreaterThanOrEqual((sender.endedAt.get(before) ?? Number.NaN) + thinkMs);
        expect(before).toBeLessThan(index);
      }
      // Whoever waits for nothing is sent at once: only turns leave room unused.
      if (drawn.every(({ session }) => session === null)) expect(most).toBe(Math.min(streams, trace.length));
    }),
    SEED,
  );
});

test("a closed loop stops at its bounds", async () => {
  await fc.assert(
    fc.asyncProperty(bounds, fc.integer({ min: 1, max: 4 }), fc.nat(), async (limits, streams, seed) => {
      const sender = new HandSender(seed);
      const source = new RequestSource(
        toAsync(conversations(Array.from({ length: 60 }, () => ({ session: null, thinkMs: 0 })))),
      );
      const played = closedLoop(() => source.next(), streams, limits).play(sender);
      await sender.playOut();
      await played;
      const counted = sender.given.filter(({ warmUp }) => warmUp !== true);
      expect(counted.length).toBeLessThanOrEqual(limits.requests);
      const from = limits.warmUp.requests > 0 ? (counted[0]?.startMs ?? 0) : limits.warmUp.ms;
      for (const { startMs } of counted) expect(startMs).toBeLessThan(from + limits.durationMs);
      const warm = sender.given.length - counted.length;
      if (limits.warmUp.requests > 0) expect(warm).toBe(limits.warmUp.requests);
    }),
    { ...SEED, numRuns: runs(25) },
  );
});
