import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { ROUTING_POLICIES } from "../../src/model/routing-policy.ts";
import { createPolicy } from "../../src/routing/policies.ts";
import { Router } from "../../src/routing/router.ts";
import { RoutingScores } from "../../src/routing/routing-scores.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { hopsFrom, routable, shardIds } from "../routable-request.ts";
import { runs } from "../runs.ts";

const SHARDS = 5;

const pool = fc.record({
  policy: fc.constantFrom(...ROUTING_POLICIES),
  tokens: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: SHARDS, maxLength: SHARDS }),
  ready: fc.array(fc.boolean(), { minLength: SHARDS, maxLength: SHARDS }),
  weight: fc.array(fc.constantFrom(0.1, 0.5, 1), { minLength: SHARDS, maxLength: SHARDS }),
  hops: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: SHARDS, maxLength: SHARDS }),
  affinityKey: fc.nat(1000),
  seed: fc.nat(1000),
});

type Made = typeof pool extends fc.Arbitrary<infer T> ? T : never;

function routerOf({ policy, tokens, ready, weight, seed }: Made) {
  const states = new ShardStates(SHARDS);
  for (let shard = 0; shard < SHARDS; shard++) {
    if (tokens[shard] > 0) states.begin(shard, tokens[shard], 10);
    states.ready[shard] = Number(ready[shard]);
    states.weight[shard] = weight[shard];
  }
  const plugIns = createPolicy(policy, { shardIds: shardIds(SHARDS), prefixIndexBytes: 65_536 });
  return { router: new Router(plugIns, states, new Rng(seed)), states, plugIns };
}

test("who asks how a shard was chosen changes nothing, and every scorer's part adds up to the cost", () => {
  let chosen = 0;
  fc.assert(
    fc.property(pool, (made) => {
      const request = routable({ affinityKey: made.affinityKey, experts: hopsFrom(...made.hops) });
      const scores = new RoutingScores();
      const { router, states, plugIns } = routerOf(made);
      const index = router.choose(request, scores);
      expect(routerOf(made).router.choose(request)).toBe(index);
      const candidates = scores.candidates(3);
      if (index < 0) {
        expect([scores.policy, candidates]).toEqual([null, []]);
        return;
      }
      chosen++;
      expect(scores.policy).toBe(made.policy);
      expect(scores.scorers).toEqual(plugIns.scorers.map(({ scorer }) => scorer.name));
      const eligible = made.ready.filter(Boolean).length;
      expect([scores.shards, scores.eligible, candidates.length]).toEqual([
        SHARDS,
        eligible,
        Math.min(3, eligible),
      ]);
      expect(candidates[0].shard).toBe(index);
      for (const { shard, cost, scores: parts } of candidates) {
        expect(states.ready[shard]).toBe(1);
        const sum = parts.reduce((total, part) => total + part, 0);
        expect(sum / states.weight[shard]).toBeCloseTo(cost, 6);
      }
      const others = candidates.slice(1).map(({ cost }) => cost);
      expect(others).toEqual(others.toSorted((a, b) => a - b));
    }),
    { seed: 1, numRuns: runs(300) },
  );
  expect(chosen).toBeGreaterThan(200);
});
