import { describe, expect, it } from "vitest";
import { type GateShape, V3Gate } from "../../src/core/gate/v3-gate.ts";
import { Rng } from "../../src/lib/rng.ts";

/** The gate as its paper words it: sort, cut, sort, cut. */
function reference({ experts, groups, topkGroups, topk }: GateShape, biased: Float64Array): number[] {
  const size = experts / groups;
  const ids = Array.from(biased, (_, expert) => expert);
  const groupOf = (expert: number) => Math.floor(expert / size);
  const best = (from: number[]) => from.toSorted((a, b) => biased[b] - biased[a]);
  const groupScore = Array.from({ length: groups }, (_, group) =>
    best(ids.filter((expert) => groupOf(expert) === group))
      .slice(0, 2)
      .reduce((sum, expert) => sum + biased[expert], 0),
  );
  const byScore = groupScore.map((_, group) => group).toSorted((a, b) => groupScore[b] - groupScore[a]);
  const kept = new Set(byScore.slice(0, topkGroups));
  return best(ids.filter((expert) => kept.has(groupOf(expert)))).slice(0, topk);
}

function selected(shape: GateShape, biased: Float64Array): number[] {
  const out = new Int16Array(shape.topk);
  new V3Gate(shape).select(biased, out, 0);
  return [...out];
}

describe("the V3 gate", () => {
  it.each([
    ["DeepSeek-V3", { experts: 256, groups: 8, topkGroups: 4, topk: 8 }],
    ["no groups (Qwen3, Kimi K2)", { experts: 128, groups: 1, topkGroups: 1, topk: 8 }],
    ["one expert per group", { experts: 8, groups: 8, topkGroups: 3, topk: 2 }],
    ["every group kept", { experts: 24, groups: 4, topkGroups: 4, topk: 6 }],
    ["as many experts as the groups hold", { experts: 16, groups: 4, topkGroups: 2, topk: 8 }],
  ])("chooses as the definition does: %s", (_, shape) => {
    const rng = new Rng(shape.experts, shape.groups);
    for (let token = 0; token < 500; token++) {
      const biased = Float64Array.from(
        { length: shape.experts },
        () => 1 / (1 + Math.exp(rng.normal())) + 0.6 * (rng.uniform() - 1),
      );
      expect(selected(shape, biased)).toEqual(reference(shape, biased));
    }
  });

  it("breaks ties in the order of groups and experts", () => {
    const shape = { experts: 8, groups: 4, topkGroups: 2, topk: 3 };
    expect(selected(shape, new Float64Array(8).fill(-0.5))).toEqual([0, 1, 2]);
  });

  it("leaves a group out although it has the best expert, where two others are better together", () => {
    const shape = { experts: 6, groups: 3, topkGroups: 2, topk: 2 };
    expect(selected(shape, Float64Array.of(0.9, -0.9, 0.5, 0.4, 0.3, 0.2))).toEqual([2, 3]);
  });

  it("writes where it is told, and keeps nothing from token to token", () => {
    const shape = { experts: 4, groups: 2, topkGroups: 1, topk: 2 };
    const gate = new V3Gate(shape);
    const out = new Int16Array(6).fill(-1);
    gate.select(Float64Array.of(0.1, 0.9, 0, 0), out, 0);
    gate.select(Float64Array.of(0, 0, 0.3, 0.2), out, 3);
    expect([...out]).toEqual([1, 0, -1, 2, 3, -1]);
  });
});
