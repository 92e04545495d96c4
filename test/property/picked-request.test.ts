import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Said } from "../../harness/envoy/messages.ts";
import {
  CHAT,
  type HandProxy,
  PickerCase,
  chatBody,
  chatHeaders,
  piece,
  streamHeaders,
} from "../picker-case.ts";
import { runs } from "../runs.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const options = fc.record({
  shards: fc.integer({ min: 1, max: 3 }),
  endpoints: fc.integer({ min: 1, max: 3 }),
  maxInFlight: fc.constantFrom(0, 1),
  maxOfTenant: fc.constantFrom(0, 1),
  hedgeMs: fc.constantFrom(0, 3),
  memoryBytes: fc.constantFrom(60, 1 << 20),
  pools: fc.integer({ min: 1, max: 3 }),
  parts: fc.constantFrom(undefined, [1, 1, 1], [1, 0, 0]),
});

const SERVED = { "envoy.lb": { "x-gateway-destination-endpoint-served": "10.0.0.2:8000" } };
const SUBSET = { "envoy.lb.subset_hint": { "x-gateway-destination-endpoint-subset": ["10.0.0.1:8000"] } };

/** What a proxy says, in its order; a stream that keeps to it is served. */
const SAYS: readonly Said[] = [
  chatHeaders(),
  { ...chatHeaders(), metadata: SUBSET },
  {
    request_headers: {
      headers: [
        [":method", "GET"],
        [":path", "/health"],
      ],
      end_of_stream: true,
    },
  },
  { request_body: { body: CHAT.slice(0, 20) } },
  { request_body: { body: CHAT.slice(20), end_of_stream: true } },
  chatBody(),
  chatBody("{"),
  chatBody('{"model":"unknown"}'),
  { request_trailers: {} },
  streamHeaders(),
  { ...streamHeaders(), metadata: SERVED },
  streamHeaders("503", "application/json"),
  { response_headers: { headers: [[":status", "204"]], end_of_stream: true } },
  piece('data: {"choices":[{"delta":{"content":"word"}}]}\n\n'),
  piece("data: [DONE]\n\n", true),
  { response_trailers: {} },
];

const step = fc.oneof(
  // In order, more often than not: what comes next is drawn from a window that moves on.
  {
    arbitrary: fc.record({
      what: fc.constant("next" as const),
      which: fc.nat(2),
      choice: fc.constantFrom(0, 0, 0, 1, 2),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({ what: fc.constant("any" as const), which: fc.nat(2), choice: fc.nat(15) }),
    weight: 2,
  },
  {
    arbitrary: fc.record({ what: fc.constantFrom("end", "cut", "wait", "fall"), which: fc.nat(2) }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      what: fc.constant("reload" as const),
      which: fc.nat(2),
      shards: fc.subarray([0, 1, 2], { minLength: 1 }),
    }),
    weight: 1,
  },
);

/** Where each part of a request begins among `SAYS`. */
const TURNS = [
  [0, 1, 2],
  [5, 3, 6],
  [4, 8, 7],
  [9, 10, 11],
  [13, 12, 14],
  [14, 13, 15],
] as const;

test("every request ends once and gives back all it took, whatever a proxy says, and when it goes", async () => {
  const outcomes = new Set<string>();
  const picked = new Set<string>();
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 40 }), async (made, steps) => {
      const picks = new PickerCase({ ...made, limitBytes: 200 });
      const { flights } = picks;
      const proxies = [0, 1, 2].map(() => ({ proxy: picks.begin(), turn: 0, gone: false }));
      for (const one of steps) {
        const at = proxies[one.which];
        if ("shards" in one) {
          if (one.which < flights.pools.length) flights.reload(one.which, one.shards);
        } else if (one.what === "wait") await vi.advanceTimersByTimeAsync(2);
        else if (one.what === "fall") flights.pool.current.states.ready[one.which] = 0;
        else if (at.gone) continue;
        else if (one.what === "end" || one.what === "cut") {
          at.gone = true;
          if (one.what === "end") at.proxy.request.ended();
          else at.proxy.request.cut();
        } else if ("choice" in one) {
          const turn = TURNS[Math.min(at.turn++, TURNS.length - 1)];
          at.proxy.say(SAYS[one.what === "next" ? turn[one.choice] : one.choice]);
        }
      }
      for (const { proxy } of proxies) proxy.request.cut();
      await vi.advanceTimersByTimeAsync(5000);
      expect(flights.taken.every((count) => count === 0)).toBe(true);
      expect(flights.replaced.some(({ isNeeded }) => isNeeded)).toBe(false);
      expect(flights.sent).toEqual([]);
      expect(picks.memory.heldBytes).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(flights.faults).toEqual([]);
      expect(flights.outcomes).toHaveLength(flights.responded.length);
      expect(flights.picks.length).toBeLessThanOrEqual(3);
      expect(flights.picks.length).toBeGreaterThanOrEqual(flights.outcomes.length);
      for (const { proxy } of proxies) expectInOrder(proxy);
      for (const outcome of flights.outcomes) outcomes.add(outcome);
      for (const outcome of flights.picks) picked.add(outcome);
    }),
    { seed: 1, numRuns: runs(600) },
  );
  expect([...outcomes].sort()).toEqual(["cancelled", "failed", "ok", "refused"]);
  expect([...picked].sort()).toEqual(["cancelled", "client_error", "picked", "refused", "unavailable"]);
});

/** One answer to each part, an immediate one last and alone, and the end once. */
function expectInOrder({ parts, ends, heard }: HandProxy): void {
  expect(ends).toBeLessThanOrEqual(1);
  const immediate = parts.indexOf("immediate_response");
  if (immediate >= 0) expect([immediate, ends >= 1]).toEqual([0, true]);
  const request = parts.filter((part) => part.startsWith("request_"));
  expect(request.indexOf("request_headers")).toBeLessThanOrEqual(0);
  expect(request.filter((part) => part === "request_headers").length).toBeLessThanOrEqual(1);
  const lasts = heard.filter(({ part, isLast }) => part === "request_body" && isLast);
  expect(lasts.length).toBeLessThanOrEqual(1);
  const firstOfResponse = parts.findIndex((part) => part.startsWith("response_"));
  if (firstOfResponse >= 0)
    expect(parts.slice(firstOfResponse).every((part) => part.startsWith("response_"))).toBe(true);
}
