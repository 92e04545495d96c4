import { describe, expect, it } from "vitest";
import {
  TOKENS_PER_MARGINAL_LOAD,
  TOKENS_PER_NODE_HOP,
  expertAffinity,
} from "../../src/routing/scorers/expert-affinity.ts";
import { PrefixAffinity } from "../../src/routing/scorers/prefix-affinity.ts";
import { rendezvous } from "../../src/routing/scorers/rendezvous.ts";
import { CONTEXT_TOKENS, sessionAffinity } from "../../src/routing/scorers/session-affinity.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { hopsFrom, costsOf, routable, shardIds } from "../routable-request.ts";

const states = new ShardStates(4);

describe("prefix-affinity", () => {
  it("is the prompt less what the shard was sent before, until it forgets", () => {
    const scorer = new PrefixAffinity(4, 1 << 16);
    const prefix = Uint32Array.from({ length: 24 }, (_, i) => i);
    const request = routable({ inputTokens: 800, prefix });
    expect(costsOf(scorer, states, request)).toEqual([800, 800, 800, 800]);
    scorer.routed?.(routable({ prefix: prefix.subarray(0, 20) }), 1);
    scorer.routed?.(request, 3);
    expect(costsOf(scorer, states, request)).toEqual([800, 800 - 10 * 64, 800, 800 - 12 * 64]);
    scorer.forget?.(3);
    expect(costsOf(scorer, states, request)).toEqual([800, 800 - 10 * 64, 800, 800]);
  });

  it("never saves more than the prompt", () => {
    const scorer = new PrefixAffinity(4, 1 << 16);
    const request = routable({ inputTokens: 100, prefix: Uint32Array.from({ length: 4 }, (_, i) => i) });
    scorer.routed?.(request, 0);
    expect(costsOf(scorer, states, request)).toEqual([0, 100, 100, 100]);
  });
});

describe("session-affinity", () => {
  const scorer = sessionAffinity(shardIds(4));

  it("costs a context everywhere but at home, and nothing without a session", () => {
    const cost = costsOf(scorer, states, routable({ affinityKey: 7 }));
    expect(cost.toSorted((a, b) => a - b)).toEqual([0, CONTEXT_TOKENS, CONTEXT_TOKENS, CONTEXT_TOKENS]);
    expect(costsOf(scorer, states)).toEqual([0, 0, 0, 0]);
  });

  it("moves home while the shard there does not serve, and back", () => {
    const request = routable({ affinityKey: 7 });
    const live = new ShardStates(4);
    const home = costsOf(scorer, live, request).indexOf(0);
    live.ready[home] = 0;
    const second = costsOf(scorer, live, request).indexOf(0);
    expect(second).not.toBe(home);
    live.admitting[second] = 0;
    expect([home, second, -1]).not.toContain(costsOf(scorer, live, request).indexOf(0));
    live.ready[home] = 1;
    expect(costsOf(scorer, live, request).indexOf(0)).toBe(home);
    live.tier[home] = 1;
    expect(costsOf(scorer, live, request).indexOf(0)).not.toBe(home);
    live.ready.fill(0);
    live.ready[home] = 1;
    expect(costsOf(scorer, live, request).indexOf(0)).toBe(home);
  });
});

describe("rendezvous", () => {
  it("gives every key its own order of the shards, wherever they stand in the list", () => {
    const order = (key: number, ids: readonly string[]) => {
      const cost = costsOf(rendezvous(ids), new ShardStates(ids.length), routable({ affinityKey: key }));
      return ids.toSorted((a, b) => cost[ids.indexOf(a)] - cost[ids.indexOf(b)]).join(" ");
    };
    const ids = shardIds(4);
    for (const key of [1, 2, 3]) expect(order(key, ids.toReversed())).toBe(order(key, ids));
    const orders = Array.from({ length: 1000 }, (_, key) => order(key + 1, ids));
    expect(new Set(orders).size).toBe(24);
  });

  it("costs nothing without a key", () => {
    expect(costsOf(rendezvous(shardIds(4)), states)).toEqual([0, 0, 0, 0]);
  });
});

describe("expert-affinity", () => {
  it("is every token's hops, and nothing where experts are unknown", () => {
    const request = routable({ experts: hopsFrom(0, 1, 2, 0.5) });
    const hop = 1000 * TOKENS_PER_NODE_HOP;
    expect(costsOf(expertAffinity, states, request)).toEqual([0, hop, 2 * hop, hop / 2]);
    expect(costsOf(expertAffinity, states)).toEqual([0, 0, 0, 0]);
  });

  it("is what every token adds to the load of the GPUs that its layers wait for, beside its hops", () => {
    const experts = { nodeHops: Float64Array.of(0, 1, 0, 1), marginalLoad: Float64Array.of(1, 1, 0.5, 2) };
    const hop = 1000 * TOKENS_PER_NODE_HOP;
    const level = 1000 * TOKENS_PER_MARGINAL_LOAD;
    const costs = costsOf(expertAffinity, states, routable({ experts }));
    const wanted = [level, hop + level, level / 2, hop + 2 * level];
    for (const [shard, cost] of costs.entries()) expect(cost).toBeCloseTo(wanted[shard], 9);
  });
});
