import { describe, expect, test } from "vitest";
import { chooseGpu } from "../../src/config/gpus/chosen-gpu.ts";
import { shippedGpus } from "../../src/config/gpus/load-gpu.ts";
import { shippedModels } from "../../src/config/shapes.ts";
import { addDecode, attentionWindows, noAttentionWork } from "../../src/core/cost/attention-work.ts";
import { modelWeights } from "../../src/core/cost/model-weights.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { whyNotServed } from "../../src/core/cost/serving-room.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import { layerTally } from "../../src/model/layer-tally.ts";
import { type MoeModel, expertBytes, sharedBytes } from "../../src/model/moe-model.ts";
import type { Topology } from "../../src/model/topology.ts";
import { bytesPerWeight } from "../../src/model/weights.ts";
import { engineOn, modelledHardware } from "../../src/twin/calibration/gpu-hardware.ts";

const MODELS = await shippedModels();
const GPUS = await shippedGpus();

/** Seconds of a step with one answer, whose experts are on as many GPUs as there are for them. */
function stepSeconds(model: MoeModel, topology: Topology, cost: StepCost): number {
  const gpus = topology.nodes * topology.gpusPerNode;
  const windows = attentionWindows(model);
  const ranks = Array.from({ length: gpus }, () => noAttentionWork(windows.length));
  addDecode(ranks[0], 1000, windows);
  const tally = layerTally(topology);
  for (let i = 0; i < model.topk; i++) {
    tally.slotLoad[(i % gpus) * topology.slotsPerGpu + Math.floor(i / gpus)]++;
    tally.gpuLoad[i % gpus]++;
  }
  tally.selections = tally.selectionsFrom[0] = model.topk;
  const time = new PassTime(cost, ranks);
  for (const _ of model.moeLayers) time.add(tally);
  return time.seconds;
}

/** What the first rank's GPU reads for it: all it has but the embedding, and its part of the experts. */
function bytesRead(model: MoeModel, gpus: number): number {
  const { attention, dense } = modelWeights(model);
  const { vocabulary, hidden, moeLayers, topk, precision } = model;
  return (
    (attention + dense) * bytesPerWeight(precision.rest) +
    vocabulary * hidden * 2 +
    moeLayers.length * (sharedBytes(model) + Math.ceil(topk / gpus) * expertBytes(model))
  );
}

describe.each(GPUS.map((gpu) => [gpu.name, gpu] as const))("%s", (name, gpu) => {
  test("a token of one request takes no less than reading its weights, and no more than engines' fixed times allow", async () => {
    const choice = await chooseGpu(name, { sourceOf: () => "test", field: [] });
    let served = 0;
    for (const model of MODELS) {
      const hardware = modelledHardware(model, choice);
      const pools = [1, 2, 4, 8, 16, 32].map((gpus) => ({
        nodes: Math.max(1, gpus / 8),
        gpusPerNode: Math.min(8, gpus),
        slotsPerGpu: Math.ceil(model.experts / gpus),
      }));
      const topology = pools.find((pool) => whyNotServed(model, pool, hardware) === null);
      if (topology === undefined) continue;
      served++;
      const seconds = stepSeconds(model, topology, new StepCost(model, topology, hardware, engineOn(choice)));
      const reading = bytesRead(model, topology.nodes * topology.gpusPerNode) / gpu.memoryBandwidth;
      expect(seconds).toBeGreaterThan(reading);
      // A fixed millisecond of a layer is more than any engine that was measured takes.
      expect(seconds).toBeLessThan(2 * reading + model.layers * 1e-3);
    }
    expect(served).toBeGreaterThan(20);
  });
});
