import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Responded } from "../../src/serving/traffic/traffic-observer.ts";
import { FlightCase, HeardClient, inTurn, together } from "../flight-case.ts";
import { RecordedTrace } from "../recorded-trace.ts";
import { runs } from "../runs.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const options = fc.record({
  shards: fc.integer({ min: 1, max: 3 }),
  prefillShards: fc.integer({ min: 1, max: 2 }),
  pairing: fc.constantFrom(undefined, inTurn, together),
  hedgeMs: fc.constantFrom(0, 3),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  maxInFlight: fc.constantFrom(0, 1),
  pools: fc.integer({ min: 1, max: 3 }),
  parts: fc.constantFrom(undefined, [1, 1, 1], [3, 1, 0]),
  fallback: fc.boolean(),
  locality: fc.constantFrom(
    null,
    { mode: "shadow" as const, percent: 100, switchbackMinutes: null, loadBand: 0.1 },
    { mode: "on" as const, percent: 60, switchbackMinutes: null, loadBand: 0.1 },
  ),
});

/** What an engine does next, at one of the requests it was sent; or time, or a client. */
const step = fc.oneof(
  fc.record({
    what: fc.constantFrom("headers", "data", "end", "break", "refuse connection", "time out"),
    prefill: fc.boolean(),
    which: fc.nat(4),
    status: fc.constantFrom(200, 200, 200, 400, 429, 500, 503),
  }),
  fc.record({ what: fc.constantFrom("leave", "pause", "throw"), which: fc.nat(2) }),
  fc.record({
    what: fc.constant("reload"),
    which: fc.nat(2),
    shards: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
  }),
);

test("every request ends exactly once and gives back all it took, whatever engines and clients do and throw", () => {
  const counts = new Map<string, number>();
  const choices = new Set<string>();
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 60 }), (made, steps) => {
      const flights = new FlightCase(made);
      const clients = [0, 1, 2].map(() => new HeardClient());
      const traces = clients.map(() => new RecordedTrace());
      const flown = clients.map((client, i) => flights.fly(client, undefined, {}, traces[i]));
      const started = new Set<object>();
      for (const one of steps) {
        if ("shards" in one) {
          if (one.which < flights.pools.length) flights.reload(one.which, one.shards);
          continue;
        }
        if (!("prefill" in one)) {
          if (one.what === "leave") flown[one.which].cancel();
          else if (one.what === "throw") clients[one.which].throwsAt = "data";
          else vi.advanceTimersByTime(2);
          continue;
        }
        const { what, prefill, which, status } = one;
        const sent = (prefill ? flights.prefills : flights.sent).at(-1 - which);
        if (sent === undefined || sent.cancelled) continue;
        // Data and the end follow headers; nothing follows a failure or an end.
        if (what === "headers") {
          if (!started.has(sent)) sent.headers(status);
          started.add(sent);
        } else if (what === "data" || what === "end") {
          if (!started.has(sent)) sent.headers(status);
          started.add(sent);
          if (what === "data") sent.data("data: cache\n\n");
          else {
            sent.end();
            sent.cancelled = true;
          }
        } else {
          sent.fail(what !== "refuse connection", what === "time out" ? "IDLE_TIMEOUT" : "ECONNRESET");
          sent.cancelled = true;
        }
      }
      for (const flight of flown) flight.cancel();
      // Admission's alarm may still be set.
      vi.advanceTimersByTime(5000);
      expect(flights.outcomes).toHaveLength(3);
      const sayTheSame = ({ status, errorType }: Responded, i: number) => {
        const outcome = flights.outcomes[i];
        if (outcome === "ok") return errorType === "" && status === 200;
        if (outcome === "cancelled") return errorType === "cancelled" && status === 499;
        return errorType !== "" && errorType !== "cancelled" && status !== 499;
      };
      expect(flights.responded).toHaveLength(3);
      expect(flights.responded.every(sayTheSame)).toBe(true);
      for (const outcome of flights.outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      for (const client of clients) {
        expect(client.endings).toBeLessThanOrEqual(client.throwsAt === null ? 1 : 2);
        expect(client.bodiesReleased).toBe(1);
      }
      for (const { calls, attempts } of traces) {
        expect(calls.filter((call) => call.startsWith("ended"))).toEqual(calls.slice(-1));
        expect(attempts.every(({ end }) => end !== null)).toBe(true);
      }
      const followed = traces.flatMap(({ attempts }) => attempts.filter(({ sent }) => sent));
      expect(followed).toHaveLength(flights.sent.length + flights.prefills.length);
      expect(flights.taken.every((count) => count === 0)).toBe(true);
      expect(flights.strays).toBe(0);
      expect(flights.replaced.some(({ isNeeded }) => isNeeded)).toBe(false);
      for (const choice of flights.choices) choices.add(choice);
      expect(vi.getTimerCount()).toBe(0);
      expect([...flights.sent, ...flights.prefills].every(({ cancelled }) => cancelled)).toBe(true);
    }),
    { seed: 1, numRuns: runs(600) },
  );
  // And the pools by every way that leads to them but a header.
  const reasons = ["p only", "p weight", "p load", "p moved", "q weight", "q load", "p locality"];
  expect([...choices]).toEqual(expect.arrayContaining([...reasons, "q moved", "q fallback", "r moved"]));
  // The cases reach every end but admission's refusals.
  expect([...counts.keys()].sort()).toEqual(["cancelled", "client_error", "failed", "ok"]);
});
