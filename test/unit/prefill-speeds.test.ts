import { describe, expect, it } from "vitest";
import { PrefillSpeeds } from "../../src/routing/prefill-speeds.ts";
import { Rng } from "../../src/lib/rng.ts";

/** Waits of drawn amounts of work, each off by up to a quarter. */
function observe(speeds: PrefillSpeeds, shard: number, msPerToken: number, times: number, rng: Rng): void {
  for (let i = 0; i < times; i++) {
    const tokens = 100 + rng.below(5000);
    speeds.observe(shard, tokens, tokens * msPerToken * (0.75 + rng.uniform() / 2));
  }
}

describe("how fast shards prefill", () => {
  it("is learned: one that takes three times as long is found, the others are alike", () => {
    const speeds = new PrefillSpeeds(4);
    const rng = new Rng(1);
    for (let round = 0; round < 80; round++)
      for (const [shard, ms] of [0.06, 0.065, 0.18, 0.055].entries()) observe(speeds, shard, ms, 1, rng);
    const { slowness } = speeds;
    expect([slowness[0], slowness[1], slowness[3]]).toEqual([1, 1, 1]);
    expect(slowness[2]).toBeGreaterThan(2.3);
    expect(slowness[2]).toBeLessThan(3.7);
    expect(speeds.msPerToken(0)).toBeCloseTo(0.06, 1);
  });

  it("takes a shard for as fast as the others until it is seen", () => {
    const speeds = new PrefillSpeeds(3);
    expect(speeds.msPerToken(0)).toBe(0);
    observe(speeds, 0, 0.1, 40, new Rng(2));
    expect(speeds.msPerToken(2)).toBeCloseTo(0.1, 1);
    expect([...speeds.slowness]).toEqual([1, 1, 1]);
  });

  it("forgets what a shard was, as others are observed, and at once where it was restarted", () => {
    const speeds = new PrefillSpeeds(2);
    const rng = new Rng(3);
    observe(speeds, 0, 0.1, 30, rng);
    observe(speeds, 1, 0.8, 30, rng);
    expect(speeds.slowness[1] / speeds.slowness[0]).toBeGreaterThan(4);
    observe(speeds, 0, 0.1, 2500, rng);
    expect([...speeds.slowness]).toEqual([1, 1]);
    observe(speeds, 1, 0.8, 30, rng);
    expect(speeds.slowness[1]).toBeGreaterThan(1);
    speeds.forget(1);
    expect(speeds.slowness[1]).toBe(1);
    expect(speeds.msPerToken(1)).toBeCloseTo(0.1, 1);
  });

  it("goes on where others took its place", () => {
    const before = new PrefillSpeeds(2);
    observe(before, 1, 0.3, 30, new Rng(4));
    observe(before, 0, 0.1, 30, new Rng(4));
    const after = new PrefillSpeeds(3);
    after.resume(before, Int32Array.of(1, -1, 0));
    expect(after.msPerToken(0)).toBeCloseTo(before.msPerToken(1), 6);
    expect(after.slowness[0]).toBe(before.slowness[1]);
    expect(after.slowness[1]).toBe(1);
  });

  it("counts on for any length of time", () => {
    const speeds = new PrefillSpeeds(1);
    for (let i = 0; i < 60_000; i++) speeds.observe(0, 1000, 50);
    expect(speeds.msPerToken(0)).toBeCloseTo(0.05, 9);
  });
});
