import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import type { RoutingPolicy } from "../../src/model/routing-policy.ts";
import { createPolicy } from "../../src/routing/policies.ts";
import { Router } from "../../src/routing/router.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable, shardIds } from "../routable-request.ts";
import { runs } from "../runs.ts";

function routerOf(
  name: RoutingPolicy,
  states: ShardStates,
  seed: number,
  ids = shardIds(states.count),
): Router {
  return new Router(createPolicy(name, { shardIds: ids, prefixIndexBytes: 1 << 20 }), states, new Rng(seed));
}

const LOAD_READING = [
  "expert-aware",
  "cache-aware",
  "least-load",
  "power-of-two",
  "prefill",
  "decode",
] as const;

describe.each(LOAD_READING)("%s", (name) => {
  it("does not send everything where the last report saw least", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), (shards, seed) => {
        const states = new ShardStates(shards);
        const router = routerOf(name, states, seed);
        for (let shard = 1; shard < shards; shard++) {
          states.report(shard, { running: 4, waiting: 1 }, 0.01, 1_000_000);
        }
        states.report(0, { running: 0, waiting: 0 }, 0, 1_000_000);
        const sent = new Int32Array(shards);
        for (let i = 0; i < shards * 40; i++) {
          const shard = router.choose(routable());
          states.begin(shard, 800, 200);
          sent[shard]++;
        }
        // All even would be 40. The others had up to 15,000 tokens more (decode), 2,000 a request there.
        expect(Math.max(...sent)).toBeLessThanOrEqual(48);
        expect(Math.min(...sent)).toBeGreaterThanOrEqual(32);
      }),
      { seed: 21, numRuns: runs(15) },
    );
  });

  it("spreads evenly where reports are alike and never renewed", () => {
    const states = new ShardStates(8);
    const router = routerOf(name, states, 2);
    for (let shard = 0; shard < 8; shard++) states.report(shard, { running: 2, waiting: 0 }, 0.1, 1_000_000);
    for (let i = 0; i < 800; i++) states.begin(router.choose(routable()), 800, 200);
    expect(Math.max(...states.requests) - Math.min(...states.requests)).toBeLessThanOrEqual(
      name === "power-of-two" ? 8 : 2,
    );
  });
});

describe("consistent-hash", () => {
  it("moves only the sessions of a shard that goes, and those back when it returns", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), fc.nat(), (shards, gone, salt) => {
        const states = new ShardStates(shards);
        const router = routerOf("consistent-hash", states, 1);
        const lost = gone % shards;
        const without = routerOf(
          "consistent-hash",
          new ShardStates(shards - 1),
          1,
          shardIds(shards).toSpliced(lost, 1),
        );
        for (let key = 1; key <= 40; key++) {
          const request = routable({ affinityKey: (salt + key * 7919) >>> 0 });
          const before = router.choose(request);
          states.ready[lost] = 0;
          const during = router.choose(request);
          states.ready[lost] = 1;
          if (before !== lost) expect(during).toBe(before);
          expect(during).not.toBe(lost);
          // A list without the shard says the same as a shard that does not serve.
          const listed = without.choose(request);
          expect(listed < lost ? listed : listed + 1).toBe(during);
          expect(router.choose(request)).toBe(before);
        }
      }),
      { seed: 8, numRuns: runs(20) },
    );
  });

  it("gives every shard its part of the sessions", () => {
    const router = routerOf("consistent-hash", new ShardStates(8), 1);
    const counts = new Int32Array(8);
    for (let key = 1; key <= 8000; key++) counts[router.choose(routable({ affinityKey: key }))]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(6 * Math.sqrt(875));
  });
});
