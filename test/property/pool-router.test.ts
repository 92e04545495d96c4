import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { hashText } from "../../src/routing/block-hashes.ts";
import { PoolRouter } from "../../src/routing/pools/pool-router.ts";
import type { PoolRequest } from "../../src/routing/pools/pool-states.ts";
import type { Unavailable } from "../../src/routing/plug-in.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable } from "../routable-request.ts";
import { runs } from "../runs.ts";

const NAMES = ["a", "b", "c", "d"];

/** Pools of so many shards each; one that is `full` serves nothing. */
function poolsOf(shards: readonly number[]) {
  return shards.map((count, i) => {
    const pool = {
      name: NAMES[i],
      get current() {
        return this;
      },
      states: new ShardStates(count),
      degraded: false,
      full: false,
      unavailable: (): Unavailable | null => (pool.full ? "at_capacity" : null),
    };
    return pool;
  });
}

function routerOf(parts: readonly number[] | null, shards: readonly number[], seed = 1) {
  const pools = poolsOf(shards);
  const options = {
    parts: parts === null ? null : Float64Array.from(parts),
    prefixIndexBytes: 1 << 20,
    locality: null,
  };
  return { pools, router: new PoolRouter({ pools, ...options, rng: new Rng(seed) }) };
}

function asked(known: Partial<PoolRequest> = {}): PoolRequest {
  return {
    ...routable(),
    generates: true,
    models: NAMES,
    amongs: null,
    asked: null,
    locality: null,
    ...known,
  };
}

const parts = fc
  .array(fc.integer({ min: 0, max: 20 }), { minLength: 2, maxLength: 4 })
  .filter((some) => some.some((part) => part > 0));

/** The hashes of a prompt that begins with one of few beginnings. */
function promptOf(rng: Rng): Uint32Array {
  const hashes = new Uint32Array(2 * (1 + rng.below(8)));
  const beginning = rng.below(3);
  for (let i = 0; i < hashes.length; i++) hashes[i] = hashText(`${beginning}/${i < 6 ? i : rng.below(1000)}`);
  return hashes;
}

describe("by weight", () => {
  test("each pool has its part of the requests, at any time, within a few: whatever their prompts share", () => {
    fc.assert(
      fc.property(parts, fc.nat(), (weights, seed) => {
        const { router } = routerOf(
          weights,
          weights.map(() => 1),
        );
        const rng = new Rng(seed);
        const counts = weights.map(() => 0);
        const all = weights.reduce((sum, one) => sum + one, 0);
        const smallest = Math.min(...weights.filter((one) => one > 0)) / all;
        const most = Math.max(1, 16 * smallest) * weights.length + 1;
        for (let sent = 1; sent <= 400; sent++) {
          counts[router.choose(asked({ prefix: promptOf(rng) }))]++;
          for (const [pool, weight] of weights.entries())
            assert.ok(Math.abs(counts[pool] - (sent * weight) / all) <= most);
        }
        for (const [pool, weight] of weights.entries()) if (weight === 0) expect(counts[pool]).toBe(0);
      }),
      { seed: 1, numRuns: runs(40) },
    );
  });

  test("1 of 1,000 is 1 of 1,000", () => {
    const { router } = routerOf([999, 1], [1, 1]);
    const counts = [0, 0];
    for (let sent = 0; sent < 10_000; sent++) counts[router.choose(asked())]++;
    expect(counts).toEqual([9990, 10]);
  });

  test("a session stays in its pool, moves only while that cannot serve, and sessions come to the parts", () => {
    const { pools, router } = routerOf([7, 2, 1], [1, 1, 1]);
    const other = routerOf([7, 2, 1], [4, 4, 4], 2).router;
    const homes = new Map<number, number>();
    const counts = [0, 0, 0];
    for (let session = 1; session <= 4000; session++) {
      const request = asked({ affinityKey: hashText(`session ${session}`) });
      const home = router.choose(request);
      homes.set(session, home);
      counts[home]++;
      // Another gateway's choice is the same.
      assert.equal(other.choose(request), home);
    }
    for (const [pool, part] of [0.7, 0.2, 0.1].entries())
      expect(Math.abs(counts[pool] / 4000 - part)).toBeLessThan(5 * Math.sqrt((part * (1 - part)) / 4000));
    pools[1].full = true;
    for (const [session, home] of homes) {
      const now = router.choose(asked({ affinityKey: hashText(`session ${session}`) }));
      if (home === 1) expect(now).not.toBe(1);
      else expect(now).toBe(home);
    }
  });

  test("conversations without a session mostly stay where their turns before were", () => {
    const { router } = routerOf([1, 1], [1, 1]);
    const rng = new Rng(3);
    const last = new Map<number, number>();
    let turns = 0;
    let stayed = 0;
    for (let sent = 0; sent < 2000; sent++) {
      const conversation = rng.below(50);
      const length = 2 * (2 + Math.floor(sent / 100));
      // All begin with one system prompt.
      const prefix = Uint32Array.from({ length }, (_, i) =>
        hashText(i < 2 ? `s/${i}` : `${conversation}/${i}`),
      );
      const pool = router.choose(asked({ prefix, inputTokens: length * 32 }));
      const before = last.get(conversation);
      if (before !== undefined) {
        turns++;
        if (before === pool) stayed++;
      }
      last.set(conversation, pool);
    }
    expect(stayed / turns).toBeGreaterThan(0.95);
  });

  test("what a full pool cannot take goes to the others by their parts, and is no debt afterwards", () => {
    const { pools, router } = routerOf([2, 1, 1], [1, 1, 1]);
    pools[0].full = true;
    const counts = [0, 0, 0];
    for (let sent = 0; sent < 100; sent++) counts[router.choose(asked())]++;
    expect(counts).toEqual([0, 50, 50]);
    pools[0].full = false;
    for (let sent = 0; sent < 100; sent++) counts[router.choose(asked())]++;
    expect(counts).toEqual([50, 75, 75]);
  });
});

describe("by load", () => {
  /** Requests that all stay in flight. @returns tokens per shard of each pool */
  function fill(shards: readonly number[], capacities: readonly number[] | null = null): number[] {
    const { pools, router } = routerOf(null, shards);
    for (const [i, { states }] of pools.entries())
      if (capacities !== null)
        for (let shard = 0; shard < states.count; shard++) states.report(shard, null, 0, capacities[i]);
    const size = (i: number) => shards[i] * (capacities?.[i] ?? 1);
    for (let sent = 0; sent < 1000; sent++) {
      const { states } = pools[router.choose(asked())];
      states.begin(sent % states.count, 800, 200);
    }
    return pools.map(({ states }, i) => states.tokens.reduce((sum, one) => sum + one, 0) / size(i));
  }

  test.each([
    ["shards", [32, 8, 4], null],
    ["caches, where all report theirs", [4, 4, 2], [100, 400, 50]],
  ] as const)("small and large pools are filled alike, by their %s", (_by, shards, capacities) => {
    const full = fill(shards, capacities);
    for (const one of full) expect(one / full[0]).toBeCloseTo(1, 1);
  });

  test("a prompt goes where its beginning is cached, unless there is more work in the way", () => {
    const { pools, router } = routerOf(null, [2, 2]);
    const prefix = Uint32Array.from({ length: 40 }, (_, i) => i + 1);
    const request = asked({ prefix, inputTokens: 1300 });
    const first = router.choose(request);
    for (let sent = 0; sent < 20; sent++) expect(router.choose(request)).toBe(first);
    for (const shard of [0, 1]) pools[first].states.begin(shard, 5000, 0);
    expect(router.choose(request)).toBe(1 - first);
  });

  test("nobody is chosen where none can serve, and one that is left out is not", () => {
    const { pools, router } = routerOf(null, [1, 1, 1]);
    const open = asked({ tried: [0] });
    for (let sent = 0; sent < 20; sent++) expect(router.choose(open)).not.toBe(0);
    for (const pool of pools) pool.full = true;
    expect([router.choose(open), router.canServe(open)]).toEqual([-1, false]);
  });

  test("what was learned goes on in a router that takes its place, by the pools' names", () => {
    const prefix = Uint32Array.from({ length: 40 }, (_, i) => i + 1);
    const request = asked({ prefix, inputTokens: 1300 });
    const before = routerOf(null, [1, 1]);
    const first = before.router.choose(request);
    const pools = poolsOf([1, 1, 1]).toReversed();
    const after = new PoolRouter({
      pools,
      parts: null,
      prefixIndexBytes: 1 << 20,
      rng: new Rng(5),
      locality: null,
    });
    after.resume(before.router);
    for (let sent = 0; sent < 20; sent++) expect(pools[after.choose(request)].name).toBe(NAMES[first]);
  });
});
