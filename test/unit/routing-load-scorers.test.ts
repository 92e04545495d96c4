import { describe, expect, it } from "vitest";
import { decodeLoad } from "../../src/routing/scorers/decode-load.ts";
import { inFlightTokens, READ_IN_A_STEP, STEP_TOKENS } from "../../src/routing/scorers/in-flight-tokens.ts";
import { KV_AMPLE, kvUse } from "../../src/routing/scorers/kv-use.ts";
import { prefillTokens } from "../../src/routing/scorers/prefill-tokens.ts";
import { queueDepth } from "../../src/routing/scorers/queue-depth.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { costsOf, routable } from "../routable-request.ts";

describe("in-flight-tokens", () => {
  /** The request of `routable` takes 200 steps. */
  const added = (requests: number, tokens: number): number =>
    200 * (STEP_TOKENS * requests + READ_IN_A_STEP * tokens);

  it("counts what prompts have to be computed until their first byte, and what decodes in each of the request's steps", () => {
    const states = new ShardStates(2);
    states.begin(0, 1000, 400, 700);
    expect(costsOf(inFlightTokens, states)).toEqual([700 + added(1, 1400), 0]);
    states.answered(0, 700);
    expect(costsOf(inFlightTokens, states)).toEqual([added(1, 1400), 0]);
    states.end(0, 1000, 400);
    expect(costsOf(inFlightTokens, states)).toEqual([0, 0]);
  });

  it("counts other gateways' requests as the mean of ours", () => {
    const states = new ShardStates(2);
    states.report(1, { running: 3, waiting: 1 }, null, null);
    expect(costsOf(inFlightTokens, states)).toEqual([0, added(4, 4 * 1000)]);
    states.begin(0, 80, 20);
    expect(costsOf(inFlightTokens, states)[1]).toBe(added(4, 4 * 100));
  });
});

describe("queue-depth", () => {
  it("is what waited at the report of others' less what has ended since, in requests of mean size", () => {
    const states = new ShardStates(4);
    states.begin(0, 300, 100);
    states.report(0, { running: 1, waiting: 2 }, null, null);
    states.report(1, { running: 9, waiting: 0 }, null, null);
    states.begin(3, 300, 100);
    states.report(3, { running: 0, waiting: 1 }, null, null);
    // The one that waits on the last is the gateway's own.
    expect(costsOf(queueDepth, states)).toEqual([2 * 400, 0, 0, 0]);
    for (const shard of [0, 1, 2]) states.begin(shard, 300, 100);
    expect(costsOf(queueDepth, states)).toEqual([2 * 400, 0, 0, 0]);
    for (let i = 0; i < 2; i++) states.end(0, 300, 100);
    expect(costsOf(queueDepth, states)).toEqual([400, 0, 0, 0]);
  });
});

describe("kv-use", () => {
  it("is nothing while the cache has space or its use is unknown, and rises steeply towards a full cache", () => {
    const states = new ShardStates(6);
    for (const [shard, use] of [KV_AMPLE - 0.01, 0.85, 0.9, 0.95, 1].entries()) {
      states.reportKv(shard, use, 1e9);
    }
    const cost = costsOf(kvUse, states);
    expect(cost[0]).toBe(0);
    expect(cost[1]).toBeCloseTo(1000 / 3, 0);
    expect(cost[2]).toBeCloseTo(1000, 0);
    expect(cost[3]).toBeCloseTo(3000, 0);
    expect(cost[4]).toBeCloseTo(99_000, 0);
    expect(cost[5]).toBe(0);
  });

  it("counts what was sent since the report and the request itself", () => {
    const states = new ShardStates(2);
    for (const shard of [0, 1]) states.reportKv(shard, 0.7, 10_000);
    expect(costsOf(kvUse, states)).toEqual([0, 0]);
    states.begin(0, 800, 200);
    const [sent, quiet] = costsOf(kvUse, states);
    expect(sent).toBeCloseTo(1000, 6);
    expect(quiet).toBe(0);
  });
});

describe("prefill-tokens", () => {
  it("is the prompts ahead, whatever they generate", () => {
    const states = new ShardStates(3);
    states.begin(0, 700, 5000);
    states.begin(1, 300, 0);
    states.begin(1, 300, 0);
    expect(costsOf(prefillTokens, states)).toEqual([700, 600, 0]);
    states.answered(0, 700);
    expect(costsOf(prefillTokens, states)).toEqual([0, 600, 0]);
  });

  it("counts other gateways' requests as the mean of ours", () => {
    const states = new ShardStates(2);
    states.report(0, { running: 1, waiting: 2 }, null, null);
    expect(costsOf(prefillTokens, states)).toEqual([3000, 0]);
  });
});

describe("decode-load", () => {
  it("weighs requests and cache alike", () => {
    const states = new ShardStates(3);
    for (const shard of [0, 1, 2]) states.reportKv(shard, 0, 100_000);
    for (let i = 0; i < 4; i++) states.begin(0, 400, 100);
    states.begin(1, 1600, 400);
    // Mean 800: four requests with 2,000 tokens, one with 2,000, none.
    expect(costsOf(decodeLoad, states, routable())).toEqual([5200, 2800, 0]);
  });

  it("goes by the engine's cache where that is told, else by what is in flight", () => {
    const states = new ShardStates(2);
    states.begin(0, 400, 100);
    states.begin(1, 400, 100);
    states.report(0, { running: 1, waiting: 0 }, 0.25, 100_000);
    const cost = costsOf(decodeLoad, states);
    expect(cost).toEqual([500 + 25_000, 500 + 500]);
  });
});
