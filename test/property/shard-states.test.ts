import fc from "fast-check";
import { expect, test } from "vitest";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { runs } from "../runs.ts";

const SHARDS = 3;
/** Of the states as they were; the last is not in what takes their place. */
const shard = fc.nat(SHARDS - 1);
const PREVIOUS = Int32Array.of(-1, 1, 0);
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("begin" as const), shard, tokens: fc.nat(1000) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("answer" as const, "end" as const), nth: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("others" as const), count: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("resume" as const) }) },
);

interface Request {
  readonly states: ShardStates;
  readonly shard: number;
  readonly tokens: number;
  answered: boolean;
}

function others(count: number) {
  const requests = new Int32Array(SHARDS).fill(count);
  const tokens = new Float64Array(SHARDS).fill(8 * count);
  return { requests, tokens, prefillTokens: tokens.slice() };
}

test("states that take the place of others count what this process has in flight, wherever it began", () => {
  let handedOver = 0;
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      let states = new ShardStates(SHARDS);
      /** By generation: the place now of each shard then; −1 where it is gone. */
      const places = new Map<ShardStates, readonly number[]>([[states, [0, 1, 2]]]);
      const requests: Request[] = [];
      const check = () => {
        const counted = { requests: [0, 0, 0], tokens: [0, 0, 0], prefill: [0, 0, 0] };
        for (const one of requests) {
          const at = places.get(one.states)?.[one.shard] ?? -1;
          if (at < 0) continue;
          handedOver += Number(one.states !== states);
          counted.requests[at]++;
          counted.tokens[at] += 2 * one.tokens;
          if (!one.answered) counted.prefill[at] += one.tokens;
        }
        const own = states.own();
        expect([...own.requests]).toEqual(counted.requests);
        expect([...own.tokens]).toEqual(counted.tokens);
        expect([...own.prefillTokens]).toEqual(counted.prefill);
      };
      for (const one of acts) {
        if (one.do === "begin") {
          states.begin(one.shard, one.tokens, one.tokens);
          requests.push({ states, shard: one.shard, tokens: one.tokens, answered: false });
        } else if (one.do === "others") {
          states.setOthers(one.count === 0 ? null : others(one.count));
        } else if (one.do === "resume") {
          const next = new ShardStates(SHARDS);
          next.resume(states, PREVIOUS);
          for (const [generation, now] of places)
            places.set(
              generation,
              now.map((place) => (place < 0 ? -1 : PREVIOUS.indexOf(place))),
            );
          places.set(next, [0, 1, 2]);
          states = next;
        } else if (requests.length > 0) {
          const at = one.nth % requests.length;
          const request = requests[at];
          if (!request.answered) request.states.answered(request.shard, request.tokens);
          request.answered = true;
          if (one.do === "end") {
            request.states.end(request.shard, request.tokens, request.tokens);
            requests.splice(at, 1);
          }
        }
        check();
      }
    }),
    { seed: 5, numRuns: runs(120) },
  );
  expect(handedOver).toBeGreaterThan(0);
});
