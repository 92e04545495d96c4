import { describe, expect, it } from "vitest";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { drain } from "../../src/cli/drain.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type ExpertLoad, emptyLoad, layerLoad } from "../../src/model/load.ts";
import { loadTrace } from "../../src/twin/load-trace.ts";
import { routingSources } from "../../src/twin/routing-sources.ts";
import { virtualRun } from "../../src/twin/run/virtual-run.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";

const { experts, topk, groups } = SMALL_MODEL;
const GPUS = 4;

/** Experts that are liked in very different degrees. */
function unevenLoad(): ExpertLoad {
  const rng = new Rng(3);
  const load = emptyLoad(SMALL_MOE_LAYERS, experts);
  for (let i = 0; i < load.tokens.length; i++) load.tokens[i] = Math.exp(rng.normal());
  return load;
}

const load = unevenLoad();
const trace = loadTrace(SMALL_MODEL, load, 1);

describe("tokens made of a load", () => {
  it("choose each expert as often as it has it, and none twice", () => {
    const counted = emptyLoad(SMALL_MOE_LAYERS, experts);
    let twice = 0;
    for (let at = 0; at < trace.experts.length; at += topk) {
      const chosen = trace.experts.subarray(at, at + topk);
      if (new Set(chosen).size < topk) twice++;
      const layer = (at / topk) % SMALL_MOE_LAYERS;
      for (const expert of chosen) counted.tokens[layer * experts + expert]++;
    }
    expect(twice).toBe(0);
    for (let layer = 0; layer < SMALL_MOE_LAYERS; layer++) {
      const asked = layerLoad(load, layer);
      const sum = asked.reduce((a, b) => a + b, 0);
      for (const [expert, tokens] of layerLoad(counted, layer).entries()) {
        // Systematic sampling: every count is its mean, but for the draws of groups.
        const chance = Math.min(1, (topk * asked[expert]) / sum);
        expect(Math.abs(tokens / trace.tokens - chance)).toBeLessThan(0.03 + 0.15 * chance);
      }
    }
  });

  it("keep to as many groups as the gate takes", () => {
    const perGroup = experts / groups;
    let most = 0;
    for (let at = 0; at < trace.experts.length; at += topk) {
      const chosen = trace.experts.subarray(at, at + topk).map((expert) => Math.floor(expert / perGroup));
      most = Math.max(most, new Set(chosen).size);
    }
    expect(most).toBe(SMALL_MODEL.topkGroups);
  });
});

it("a pool without redundant experts is as level as the load says", () => {
  const topology = { nodes: 1, gpusPerNode: GPUS, slotsPerGpu: experts / GPUS };
  const run = virtualRun({
    model: SMALL_MODEL,
    topology,
    assignment: "least-in-flight",
    routing: routingSources(SMALL_MODEL, 1, trace)(),
    traffic: Array.from({ length: 40 }, (_, i) => ({ arrivalMs: i, inputTokens: 4000, outputTokens: 2 })),
    durationMs: 100,
    cadence: { sharesMs: 50, placementMs: 1000 },
    seed: 1,
    recorder: new StepRecorder(0),
    fidelity: "analytic",
    policy: BALANCE_POLICIES.none,
  });
  const { balancedness } = drain(run, () => {});
  let [means, maxima] = [0, 0];
  for (let layer = 0; layer < SMALL_MOE_LAYERS; layer++) {
    const gpus = Array.from({ length: GPUS }, (_, gpu) =>
      layerLoad(load, layer)
        .subarray((gpu * experts) / GPUS, ((gpu + 1) * experts) / GPUS)
        .reduce((a, b) => a + b, 0),
    );
    means += gpus.reduce((a, b) => a + b, 0) / GPUS;
    maxima += Math.max(...gpus);
  }
  expect(means / maxima).toBeLessThan(0.85);
  expect(Math.abs((balancedness ?? 0) - means / maxima)).toBeLessThan(0.03);
});
