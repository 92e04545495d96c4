import { describe, expect, test } from "vitest";
import { shippedGpus } from "../../src/config/gpus/load-gpu.ts";
import { loadModel } from "../../src/config/shapes.ts";
import {
  addDecode,
  addPrefill,
  attentionWindows,
  noAttentionWork,
} from "../../src/core/cost/attention-work.ts";
import { evenTally } from "../../src/core/cost/even-tally.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { Rng } from "../../src/lib/rng.ts";
import { servedIn } from "../../src/model/serving-precision.ts";
import { COMPONENT_NAMES } from "../../src/twin/calibration/constants.ts";
import { constantsAt } from "../../src/twin/calibration/factors.ts";
import { gpuHardware } from "../../src/twin/calibration/gpu-hardware.ts";
import { modelSizes } from "../../src/twin/calibration/model-sizes.ts";
import { WorkerTime } from "../../src/twin/calibration/worker-time.ts";

const GPUS = await shippedGpus();
const MODELS = await Promise.all(["deepseek-v3", "qwen3-235b-a22b"].map((name) => loadModel(name)));
/** Every constant at what is believed of it beforehand. */
const CONSTANTS = constantsAt(COMPONENT_NAMES.map(() => 0));

const DRAWS = 30;

/** A step of one engine by `StepCost`, with experts as likely as each other. */
function stepSeconds(
  gpu: (typeof GPUS)[number],
  model: (typeof MODELS)[number],
  tp: number,
  moeTp: number,
  tokens: number,
  prompts: boolean,
) {
  const topology = { nodes: 1, gpusPerNode: 8 / moeTp, slotsPerGpu: (model.experts * moeTp) / 8 };
  const cost = new StepCost(model, topology, gpuHardware(gpu, CONSTANTS), {
    shape: { attentionTp: tp, moeTp },
  });
  const windows = attentionWindows(model);
  const ranks = Array.from({ length: 8 / tp }, () => {
    const work = noAttentionWork(windows.length);
    if (prompts) addPrefill(work, 0, tokens, windows);
    else for (let i = 0; i < tokens; i++) addDecode(work, 2000, windows);
    return work;
  });
  const perUnit = (tokens * ranks.length * moeTp) / 8;
  const hops = 8 * (1 - (7 / 8) ** 8);
  const tally = evenTally(topology, { tokensPerRank: perUnit, topk: model.topk, hops, nodeHops: 0 });
  // Distinct experts of a batch, each drawn by itself: the rank with most of them sets the time.
  const hit = 1 - (1 - model.topk / model.experts) ** (tokens * ranks.length * CONSTANTS.distinct);
  const rng = new Rng(1);
  let experts = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    for (let slot = 0; slot < tally.slotLoad.length; slot++)
      tally.slotLoad[slot] = rng.uniform() < hit ? 1 : 0;
    experts += cost.experts(tally, tokens, prompts ? 1 : 0) / DRAWS;
  }
  return cost.fixed(ranks) + model.moeLayers.length * experts;
}

describe.each(GPUS.map((gpu) => [gpu.name, gpu] as const))("%s", (_, gpu) => {
  test.each(MODELS.map((model) => [model.name, model] as const))(
    "a step of %s takes what the serving points' own arithmetic says",
    (_, written) => {
      const model = servedIn(written, "fp8");
      for (const [tp, moeTp] of [
        [8, 8],
        [8, 1],
        [1, 1],
      ]) {
        const shape = { tp, dp: 8 / tp, ep: 8 / moeTp, moeTp };
        const worker = new WorkerTime(modelSizes(written, "fp8"), gpu, "fp8", shape, CONSTANTS);
        for (const batch of [4, 64]) {
          const seconds = stepSeconds(gpu, model, tp, moeTp, batch, false);
          expect(seconds / worker.decode(batch, 2000)).toBeGreaterThan(0.85);
          expect(seconds / worker.decode(batch, 2000)).toBeLessThan(1.15);
        }
        const prompt = stepSeconds(gpu, model, tp, moeTp, 4096, true);
        expect(prompt / worker.prefill(4096, 4096, shape.dp, 1)).toBeGreaterThan(0.8);
        expect(prompt / worker.prefill(4096, 4096, shape.dp, 1)).toBeLessThan(1.2);
      }
    },
  );
});

test("FP4 is multiplied at its own rate where there are units for it, else at BF16's", () => {
  const rates = new Map(GPUS.map((gpu) => [gpu.name, gpuHardware(gpu, CONSTANTS).formatRates]));
  expect(rates.get("b200")?.fp4).toBeGreaterThan(1.9);
  expect(rates.get("h200")).toEqual({ bf16: 0.5, fp4: 0.5 });
});

test("a domain of 72 GPUs exchanges within NVLink what eight a node send over the network", () => {
  const exchange = (name: string) => {
    const gpu = GPUS.find((one) => one.name === name);
    if (gpu === undefined) throw new Error(name);
    const topology = { nodes: 4, gpusPerNode: 4, slotsPerGpu: 16 };
    const free = { ...gpuHardware(gpu, CONSTANTS), weightBandwidth: 1e30, expertFlops: 1e30 };
    const tally = evenTally(topology, { tokensPerRank: 4096, topk: 8, hops: 5, nodeHops: 3 });
    return new StepCost(MODELS[0], topology, free).experts(tally, 4096);
  };
  expect(exchange("gb200")).toBeLessThan(exchange("b200") / 4);
});
