import { describe, expect, it } from "vitest";
import { BALANCE_POLICIES, type BalancePolicy, policyBy } from "../../src/core/planning/balance-policy.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { Fidelity } from "../../src/model/fidelity.ts";
import { LayerTurns } from "../../src/twin/fidelity/layer-turns.ts";
import { PoissonTable } from "../../src/twin/fidelity/poisson-table.ts";
import { NormalTable } from "../../src/twin/fidelity/normal-table.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { azureConversation } from "../../src/twin/traffic.ts";
import { type VirtualRunResult, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";

/** Twelve layers, so that a step looks at a third of them. */
const MODEL = {
  ...SMALL_MODEL,
  moeLayers: Array.from({ length: 12 }, (_, i) => i),
  denseLayers: [],
  attention: SMALL_MODEL.attention.map((kind) => ({
    ...kind,
    layers: Array.from({ length: 12 }, (_, i) => i),
  })),
};

function run(fidelity: Fidelity, policy: BalancePolicy): VirtualRunResult {
  const running = virtualRun({
    model: MODEL,
    topology: SMALL_TOPOLOGY,
    routing: new SyntheticRouting(MODEL, 1),
    traffic: azureConversation(new Rng(1, 5), 400),
    durationMs: 250,
    cadence: { sharesMs: 50, placementMs: 100 },
    assignment: "least-in-flight",
    seed: 1,
    recorder: new StepRecorder(1),
    fidelity,
    policy,
  });
  for (;;) {
    const next = running.next();
    if (next.done === true) return next.value;
  }
}

const near = (is: number | null | undefined, should: number | null | undefined, tolerance: number) => {
  expect(should).toBeGreaterThan(0);
  expect(Math.abs((is ?? 0) / (should ?? 0) - 1)).toBeLessThan(tolerance);
};

describe.each(["none", "plimsoll"] as const)("a run under %s", (name) => {
  const policy = BALANCE_POLICIES[name];
  const exact = run("exact", policy);

  it.each(["sampled", "analytic"] as const)("comes to what the exact one does: %s", (fidelity) => {
    const result = run(fidelity, policy);
    expect(result.requests).toBe(exact.requests);
    near(result.balancedness, exact.balancedness, 0.06);
    near(result.virtualMs / result.steps, exact.virtualMs / exact.steps, 0.05);
    near(result.tpotMs?.mean, exact.tpotMs?.mean, 0.05);
    near(result.ttftMs?.mean, exact.ttftMs?.mean, 0.1);
    near(result.hopsPerToken, exact.hopsPerToken, 0.05);
    // The same seed, the same bytes.
    expect(JSON.stringify(run(fidelity, policy))).toBe(JSON.stringify(result));
  });
});

it.each(["static", "shares", "rank-table"] as const)(
  "draws what an engine makes of its placement that dispatches by %s",
  (dispatch) => {
    const policy = policyBy("plimsoll", dispatch);
    const exact = run("exact", policy);
    const drawn = run("analytic", policy);
    expect(drawn.requests).toBe(exact.requests);
    near(drawn.balancedness, exact.balancedness, 0.06);
    near(drawn.virtualMs / drawn.steps, exact.virtualMs / exact.steps, 0.05);
  },
);

it("every layer has its turn as often as another", () => {
  const turns = new LayerTurns(58);
  const seen = new Float64Array(58);
  for (let step = 0; step < 580; step++) for (const layer of turns.next()) seen[layer] += turns.weight;
  expect(Math.min(...seen)).toBeGreaterThan(500);
  expect(Math.max(...seen)).toBeLessThan(660);
});

it.each([
  [0.3, 0.3],
  [5, 5],
  [400, 300],
])("counts of mean %d have their mean and variance", (mean, variance) => {
  const normals = new NormalTable(new Rng(1));
  const counts = Array.from({ length: 20_000 }, () => normals.count(mean, variance));
  const average = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const spread = counts.reduce((sum, count) => sum + (count - average) ** 2, 0) / counts.length;
  expect(Math.abs(average / mean - 1)).toBeLessThan(0.03);
  expect(Math.abs(spread / variance - 1)).toBeLessThan(0.06);
});

it.each([0.01, 0.3, 2.7, 11.9])(
  "counts of mean %d are distributed as Poisson has them, to the tail",
  (mean) => {
    const table = new PoissonTable(12);
    const rng = new Rng(2);
    const draws = 2_000_000;
    const seen = new Float64Array(64);
    for (let i = 0; i < draws; i++) seen[table.count(mean, rng.uint32())]++;
    let chance = Math.exp(-mean);
    for (let count = 0; count < 40; count++) {
      const expected = draws * chance;
      // Five standard deviations, and what a part of 1,024 blurs.
      expect(Math.abs(seen[count] - expected)).toBeLessThan(5 * Math.sqrt(expected) + 1 + draws / 2048);
      chance *= mean / (count + 1);
    }
    const beyond = (least: number) => seen.subarray(least).reduce((sum, some) => sum + some, 0) / draws;
    const tail = (least: number) => {
      let [sum, term] = [0, Math.exp(-mean)];
      for (let count = 0; count < 64; count++) {
        if (count >= least) sum += term;
        term *= mean / (count + 1);
      }
      return sum;
    };
    // Counts that fewer than one in two thousand reach: the maximum over experts lies there.
    let rare = 0;
    while (tail(rare) > 1 / 2048) rare++;
    expect(beyond(rare) / tail(rare)).toBeGreaterThan(0.75);
    expect(beyond(rare) / tail(rare)).toBeLessThan(1.3);
  },
);
