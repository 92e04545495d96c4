import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { ROUTING_POLICIES, type RoutingPolicy } from "../../src/model/routing-policy.ts";
import { createPolicy } from "../../src/routing/policies.ts";
import { Router } from "../../src/routing/router.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { hopsFrom, routable, shardIds } from "../routable-request.ts";

function pool(name: RoutingPolicy, shards: number): { states: ShardStates; router: Router } {
  const states = new ShardStates(shards);
  const policy = createPolicy(name, { shardIds: shardIds(shards), prefixIndexBytes: 1 << 20 });
  return { states, router: new Router(policy, states, new Rng(1)) };
}

/** 32 blocks of 64 tokens: 28 are 1,792. */
const prefix = Uint32Array.from({ length: 64 }, (_, i) => i + 1);

describe.each(ROUTING_POLICIES)("%s", (name) => {
  it("goes only where it may, and says why nowhere", () => {
    const { states, router } = pool(name, 4);
    states.ready[0] = 0;
    states.admitting[1] = 0;
    states.maxRequests[2] = 1;
    states.begin(2, 1, 1);
    const request = routable({ affinityKey: 5, prefix, experts: hopsFrom(0, 0, 0, 9) });
    for (let i = 0; i < 20; i++) expect(router.choose(request)).toBe(3);
    expect(router.unavailable(request)).toBeNull();
    const failed = { ...request, tried: [3] };
    expect(router.choose(failed)).toBe(-1);
    expect(router.unavailable(failed)).toBe("at_capacity");
    states.maxRequests[2] = 0;
    expect(router.choose(failed)).toBe(2);
  });

  it("gives a shard that has just come back less", () => {
    const { states, router } = pool(name, 4);
    states.weight[0] = 0.25;
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 2000; i++) {
      const shard = router.choose(routable({ affinityKey: i + 1 }));
      states.begin(shard, 800, 200);
      counts[shard]++;
    }
    // A quarter of the others' part is 2000 × 1/13 = 154; two of two draws fall on it less often.
    expect(counts[0]).toBeGreaterThan(80);
    expect(counts[0]).toBeLessThan(210);
    for (const count of counts.slice(1)) expect(count).toBeGreaterThan(500);
  });
});

describe("why no shard may serve", () => {
  it("is the filter that kept the last of them away", () => {
    const { states, router } = pool("expert-aware", 2);
    expect(router.unavailable(routable({ tried: [0, 1] }))).toBe("all_tried");
    states.admitting[1] = 0;
    states.ready[0] = 0;
    expect(router.unavailable(routable())).toBe("circuit_open");
    states.ready[1] = 0;
    expect(router.unavailable(routable())).toBe("not_ready");
    expect(router.unavailable(routable({ pinnedRank: 2 }))).toBe("no_such_rank");
    states.models[0] = states.models[1] = new Set(["other"]);
    expect(router.unavailable(routable())).toBe("no_such_model");
  });
});

describe.each(["expert-aware", "cache-aware"] as const)("%s weighs", (name) => {
  /** A request of 2,000 tokens, 1,792 of them cached on shard 0, which is busier than shard 1 by so much. */
  function choice(busierTokens: number): number {
    const { states, router } = pool(name, 2);
    const seen = routable({ prefix: prefix.subarray(0, 56), pinnedRank: 0 });
    expect(router.choose(seen)).toBe(0);
    states.begin(0, busierTokens, 0);
    return router.choose(routable({ inputTokens: 2000, prefix }));
  }

  it("a cached prefix against work in flight, token for token", () => {
    expect(choice(0)).toBe(0);
    expect(choice(1000)).toBe(0);
    expect(choice(5000)).toBe(1);
  });

  it("a session's home against a queue there", () => {
    const { states, router } = pool(name, 3);
    const request = routable({ affinityKey: 77 });
    const home = router.choose(request);
    for (let i = 0; i < 20; i++) expect(router.choose(request)).toBe(home);
    states.begin(home, 1000, 0);
    expect(router.choose(request)).not.toBe(home);
  });

  it("forgets what a restarted shard had", () => {
    const { router } = pool(name, 2);
    const request = routable({ inputTokens: 2000, prefix });
    const first = router.choose(request);
    for (let i = 0; i < 20; i++) expect(router.choose(request)).toBe(first);
    router.forget(first);
    const counts = [0, 0];
    for (let i = 0; i < 40; i++) {
      counts[router.choose(request)]++;
      router.forget(0);
      router.forget(1);
    }
    expect(Math.min(...counts)).toBeGreaterThan(5);
  });
});

it("expert-aware prefers the node of a request's experts, until that is busier", () => {
  const { states, router } = pool("expert-aware", 2);
  const request = routable({ experts: hopsFrom(2, 1) });
  expect(router.choose(request)).toBe(1);
  states.begin(1, 700, 0);
  expect(router.choose(request)).toBe(0);
  const { router: blind } = pool("cache-aware", 2);
  const chosen = Array.from({ length: 40 }, () => blind.choose(request));
  expect(new Set(chosen).size).toBe(2);
});
