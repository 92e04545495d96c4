import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { LeastInFlightAssigner } from "../../src/twin/assigners/least-in-flight-assigner.ts";
import type { Arrival } from "../../src/twin/assigners/rank-assigner.ts";

const arrival: Arrival = {
  id: 1,
  arrivalMs: 0,
  inputTokens: 3,
  outputTokens: 1,
  cacheTokens: 4,
  routing: { base: 0, offset: 0, length: 4, tenant: null },
};

const pool = fc
  .array(fc.record({ requests: fc.nat(3), tokens: fc.nat(3) }), { minLength: 1, maxLength: 12 })
  .map((ranks) => ({
    requests: Int32Array.from(ranks, ({ requests }) => requests),
    tokens: Float64Array.from(ranks, ({ tokens }) => tokens),
  }));

test("each arrival gets a rank with the fewest requests, of those the fewest tokens, and is in flight there", () => {
  fc.assert(
    fc.property(pool, fc.nat(), ({ requests, tokens }, seed) => {
      const serves = new Uint8Array(requests.length).fill(1);
      const loads = { requests: requests.slice(), tokens: tokens.slice(), serves };
      const [first, second] = new LeastInFlightAssigner(new Rng(seed)).assign([arrival, arrival], loads);
      for (const rank of [first, second]) {
        for (const other of requests.keys()) {
          const more = requests[rank] - requests[other] || tokens[rank] - tokens[other];
          expect(more).toBeLessThanOrEqual(0);
        }
        requests[rank]++;
        tokens[rank] += 4;
      }
      expect(loads).toEqual({ requests, tokens, serves });
    }),
    { seed: 6 },
  );
});
