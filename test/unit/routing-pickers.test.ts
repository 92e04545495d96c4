import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { best } from "../../src/routing/pickers/best.ts";
import { powerOfTwo } from "../../src/routing/pickers/power-of-two.ts";
import { roundRobin } from "../../src/routing/pickers/round-robin.ts";
import { MARGIN_TOKENS, weightedBest } from "../../src/routing/pickers/weighted-best.ts";
import type { Picker } from "../../src/routing/plug-in.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable } from "../routable-request.ts";

const DRAWS = 6000;

/** The part of the picks that each shard gets. */
function parts(picker: Picker, cost: readonly number[], eligible = cost.map(() => 1)): number[] {
  const rng = new Rng(1);
  const states = new ShardStates(cost.length);
  const counts = cost.map(() => 0);
  for (let i = 0; i < DRAWS; i++) {
    counts[picker(Float64Array.from(cost), Uint8Array.from(eligible), states, rng, routable())]++;
  }
  return counts.map((count) => count / DRAWS);
}

function expectNear(got: readonly number[], expected: readonly number[]): void {
  // Six standard deviations of a part, at most.
  for (const [i, part] of expected.entries()) {
    expect(Math.abs(got[i] - part)).toBeLessThanOrEqual(6 * Math.sqrt((part * (1 - part)) / DRAWS));
  }
}

describe("pickers", () => {
  it("best: the least cost of those eligible, equals alike", () => {
    expect(parts(best, [3, 1, 2])).toEqual([0, 1, 0]);
    expect(parts(best, [3, 0, 2], [1, 0, 1])).toEqual([0, 0, 1]);
    expectNear(parts(best, [5, 7, 5, 5], [1, 1, 1, 1]), [1 / 3, 0, 1 / 3, 1 / 3]);
  });

  it("weighted-best: the nearer to the least, the likelier; none beyond the margin", () => {
    const [near, far] = [100 + MARGIN_TOKENS / 2, 100 + MARGIN_TOKENS];
    expectNear(parts(weightedBest, [100, near, far, 100]), [0.4, 0.2, 0, 0.4]);
    expectNear(parts(weightedBest, [0, near, far, 100], [0, 1, 1, 1]), [0, 1 / 3, 0, 2 / 3]);
    expectNear(parts(weightedBest, [0, 0]), [0.5, 0.5]);
  });

  it("power-of-two: the cheaper of each pair; of four shards the dearest never, the cheapest in half of the pairs", () => {
    expectNear(parts(powerOfTwo, [4, 1, 2, 3]), [0, 3 / 6, 2 / 6, 1 / 6]);
    expectNear(parts(powerOfTwo, [4, 1, 2, 3], [1, 0, 1, 1]), [0, 0, 2 / 3, 1 / 3]);
    expectNear(parts(powerOfTwo, [1, 1, 1]), [1 / 3, 1 / 3, 1 / 3]);
    expect(parts(powerOfTwo, [1, 9], [0, 1])).toEqual([0, 1]);
  });
});

describe("round-robin", () => {
  const turns = (picker: Picker, states: ShardStates, eligible: readonly number[], count: number): number[] =>
    Array.from({ length: count }, () =>
      picker(new Float64Array(states.count), Uint8Array.from(eligible), states, new Rng(1), routable()),
    );

  it("takes each in turn and skips those that are not eligible, which have no turns saved up", () => {
    const states = new ShardStates(3);
    const picker = roundRobin(3);
    expect(turns(picker, states, [1, 1, 1], 5)).toEqual([0, 1, 2, 0, 1]);
    expect(turns(picker, states, [1, 0, 1], 5)).toEqual([2, 0, 2, 0, 2]);
    const after = turns(picker, states, [1, 1, 1], 6);
    expect([0, 1, 2].map((shard) => after.filter((one) => one === shard).length)).toEqual([2, 2, 2]);
  });

  it("gives a shard of half the weight half the turns, and all of them once it has all its weight", () => {
    const states = new ShardStates(3);
    states.weight[1] = 0.5;
    const picker = roundRobin(3);
    const half = turns(picker, states, [1, 1, 1], 50);
    expect([0, 1, 2].map((shard) => half.filter((one) => one === shard).length)).toEqual([20, 10, 20]);
    states.weight[1] = 1;
    const full = turns(picker, states, [1, 1, 1], 30);
    expect(full.filter((one) => one === 1)).toHaveLength(10);
  });
});
