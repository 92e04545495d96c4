import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, it } from "vitest";
import { H800 } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { kvBytesPerToken } from "../../src/model/moe-model.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";
import { runs } from "../runs.ts";

const CAPACITY = 300;

/** A GPU whose memory has room for CAPACITY tokens of cache. */
const hardware = (() => {
  const missing =
    (new KvRoom(SMALL_MODEL, SMALL_TOPOLOGY, H800).capacityTokens - CAPACITY) * kvBytesPerToken(SMALL_MODEL);
  return { ...H800, memoryBytes: H800.memoryBytes - missing / 0.85 };
})();

const plan = smallPlan();
const routing = new SyntheticRouting(SMALL_MODEL, 1);

interface Request {
  readonly id: number;
  readonly rank: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  made: number;
}

const action = fc.oneof(
  fc.record({
    kind: fc.constant("submit" as const),
    rank: fc.constantFrom(0, 0, 0, 1, 2, 3),
    inputTokens: fc.noBias(fc.integer({ min: 1, max: CAPACITY - 40 })),
    outputTokens: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({ kind: fc.constant("step" as const) }),
  fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }),
);

it("every request gets exactly its tokens, first come first served, within the cache", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 60, size: "max" }), (actions) => {
      const pool = new SimulatedPool(
        { model: SMALL_MODEL, routing, dispatch: "priced", seed: 1, hardware },
        plan,
      );
      expect(pool.maxRequestTokens).toBe(CAPACITY);
      /** Requests in flight, in order of arrival. */
      let open: Request[] = [];
      let submitted = 0;
      let forwarded = 0;

      const check = () => {
        assert.equal(pool.inFlight, open.length);
        const { ranks, tokens } = pool.takeWindow(1);
        assert.equal(tokens, forwarded);
        forwarded = 0;
        for (const [rank, state] of ranks.entries()) {
          const queue = open.filter((request) => request.rank === rank);
          assert.equal(state.running + state.waiting, queue.length);
          // Nobody overtakes: those that run are the first of those in flight.
          const running = queue.slice(0, state.running);
          const reserved = running.reduce(
            (sum, request) => sum + request.inputTokens + request.outputTokens,
            0,
          );
          assert.ok(reserved <= CAPACITY);
          assert.ok(state.kvTokens <= reserved);
          assert.ok(queue.slice(state.running).every((request) => request.made === 0));
        }
      };
      const step = (): boolean => {
        const result = pool.step();
        if (result === null) return false;
        forwarded += result.tokens;
        for (const id of result.made) {
          const request = open.find((candidate) => candidate.id === id);
          if (request === undefined) throw new Error(`request ${id} got a token after its end`);
          request.made++;
          assert.equal(result.finished.includes(id), request.made === request.outputTokens);
        }
        open = open.filter(({ id }) => !result.finished.includes(id));
        return true;
      };

      for (const each of actions) {
        if (each.kind === "submit") {
          const { rank, inputTokens, outputTokens } = each;
          open.push({ id: ++submitted, rank, inputTokens, outputTokens, made: 0 });
          pool.submit({ id: submitted, rank, inputTokens, outputTokens });
        } else if (each.kind === "step") step();
        else if (open.length > 0) {
          const [gone] = open.splice(each.which % open.length, 1);
          expect(pool.cancel(gone.id)).toBe(true);
        }
        check();
      }
      while (step()) check();
      expect(open).toEqual([]);
    }),
    { seed: 6, numRuns: runs(30) },
  );
});
