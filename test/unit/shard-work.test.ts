import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { createPolicy } from "../../src/routing/policies.ts";
import { Router } from "../../src/routing/router.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { HandClock } from "../hand-clock.ts";
import { routable, shardIds } from "../routable-request.ts";

const prefix = Uint32Array.from({ length: 20 }, (_, i) => i + 1);

describe("what is left of prompts", () => {
  it("falls with time as the shard's speed says, by nine tenths of one prompt at most", () => {
    const clock = new HandClock();
    const states = new ShardStates(2, clock);
    states.begin(0, 1000, 10);
    states.begin(0, 1000, 10);
    clock.ms += 50;
    expect(states.prefillLeft(0)).toBe(2000);
    for (let i = 0; i < 8; i++) states.speeds.observe(0, 1000, 100);
    expect(states.prefillLeft(0)).toBeCloseTo(1500, 6);
    clock.ms += 500;
    expect(states.prefillLeft(0)).toBeCloseTo(1100, 6);
    states.answered(0, 1000);
    expect(states.prefillLeft(0)).toBe(1000);
    clock.ms += 20;
    expect(states.prefillLeft(0)).toBeCloseTo(800, 6);
  });
});

describe("a token's part of the cache", () => {
  it("is what one in flight took at the report, and a whole place at most", () => {
    const states = new ShardStates(1);
    expect(states.kvUsePerToken(0)).toBe(0);
    states.reportKv(0, 0.1, 10_000);
    expect(states.kvUsePerToken(0)).toBe(1 / 10_000);
    states.begin(0, 3000, 1000);
    states.reportKv(0, 0.2, 10_000);
    expect(states.kvUsePerToken(0)).toBe(0.2 / 4000);
    states.reportKv(0, 0.9, 10_000);
    expect(states.kvUsePerToken(0)).toBe(1 / 10_000);
  });
});

describe("the tokens that a shard has to compute", () => {
  it("are those that it was not sent before", () => {
    const states = new ShardStates(2);
    const policy = createPolicy("expert-aware", { shardIds: shardIds(2), prefixIndexBytes: 1 << 16 });
    const router = new Router(policy, states, new Rng(1));
    const request = routable({ inputTokens: 700, prefix, pinnedRank: 1 });
    router.choose(request);
    expect(router.uncached).toBe(700);
    router.choose(request);
    expect(router.uncached).toBe(60);
    router.moved({ ...request, inputTokens: 900 }, 0);
    expect(router.uncached).toBe(900);
    router.moved({ ...request, inputTokens: 900 }, 0);
    expect(router.uncached).toBe(260);
    router.choose({ ...request, inputTokens: 650 });
    expect(router.uncached).toBe(10);
  });

  it("are the whole prompt for policies that know no caches", () => {
    const states = new ShardStates(1);
    const policy = createPolicy("least-load", { shardIds: shardIds(1), prefixIndexBytes: 1 << 16 });
    const router = new Router(policy, states, new Rng(1));
    for (let i = 0; i < 2; i++) router.choose(routable({ prefix }));
    expect(router.uncached).toBe(800);
  });
});

describe("a slow shard", () => {
  it("gets as much less as it is slower", () => {
    const states = new ShardStates(2);
    for (let i = 0; i < 400; i++)
      for (const shard of [0, 1]) states.speeds.observe(shard, 1000, shard === 0 ? 50 : 150);
    const policy = createPolicy("least-load", { shardIds: shardIds(2), prefixIndexBytes: 1 << 16 });
    const router = new Router(policy, states, new Rng(1));
    for (let i = 0; i < 400; i++) states.begin(router.choose(routable()), 800, 200);
    expect(states.requests[0] / states.requests[1]).toBeCloseTo(2.9, 0);
  });
});
