import { describe, expect, it } from "vitest";
import { drain } from "../../src/cli/drain.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import type { Topology } from "../../src/model/topology.ts";
import { comparePolicies } from "../../src/twin/compare-policies.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { virtualRun } from "../../src/twin/run/virtual-run.ts";
import { SMALL_MODEL, modelLike } from "../../harness/small-model.ts";

const ODD = {
  layers: 7,
  moeLayers: [1, 3, 6],
  denseIntermediate: 64,
  mtpLayers: 1,
  groups: 1,
  topkGroups: 1,
};

/** The experts of a model, and the GPUs they are on. */
const CASES: readonly [what: string, experts: number, topk: number, topology: Topology][] = [
  ["experts that the GPUs do not divide", 10, 3, { nodes: 1, gpusPerNode: 4, slotsPerGpu: 3 }],
  ["fewer experts than GPUs", 3, 2, { nodes: 2, gpusPerNode: 4, slotsPerGpu: 1 }],
  ["one expert of each token", 16, 1, { nodes: 2, gpusPerNode: 2, slotsPerGpu: 5 }],
  ["no redundant slot", 8, 2, { nodes: 1, gpusPerNode: 4, slotsPerGpu: 2 }],
  ["every expert on every GPU", 4, 4, { nodes: 1, gpusPerNode: 2, slotsPerGpu: 4 }],
  ["a single GPU", 6, 2, { nodes: 1, gpusPerNode: 1, slotsPerGpu: 6 }],
];

describe.each(CASES)("%s", (_, experts, topk, topology) => {
  const model = modelLike(SMALL_MODEL, { ...ODD, experts, topk });

  it("are served, balanced and compared, layers for prediction included", () => {
    const routing = new SyntheticRouting(model, 3);
    const recorder = new StepRecorder(500);
    const shared = {
      model,
      topology,
      routing,
      cadence: { sharesMs: 2, placementMs: 6 },
      seed: 3,
    };
    const run = drain(
      virtualRun({
        ...shared,
        traffic: Array.from({ length: 40 }, (__, i) => ({ arrivalMs: i, inputTokens: 7, outputTokens: 4 })),
        durationMs: 100,
        assignment: "composed",
        recorder,
      }),
      () => {},
    );
    expect(run).toMatchObject({ requests: 40, refused: 0, outputTokens: 160 });
    expect(run.hopsPerToken).toBeLessThanOrEqual(topk);
    expect(run.balancedness).toBeGreaterThan(0);
    expect(run.balancedness).toBeLessThanOrEqual(1);
    const { asRun } = drain(comparePolicies(recorder, shared), () => {});
    expect(asRun.policies).toHaveLength(Object.keys(BALANCE_POLICIES).length);
    for (const { balancedness, meanStepMs } of asRun.policies) {
      expect(balancedness).toBeGreaterThan(0);
      expect(meanStepMs).toBeGreaterThan(0);
    }
  });
});

it("rows are the model's layers that route, and those for prediction behind them", () => {
  const model = modelLike(SMALL_MODEL, { ...ODD, experts: 8, topk: 2 });
  expect(model.moeLayers).toEqual([1, 3, 6, 7]);
  const routing = new SyntheticRouting(model, 1);
  expect(routing.rowStride).toBe(8);
});
