import { chooseGpu } from "../../../src/config/gpus/chosen-gpu.ts";
import { shippedGpus } from "../../../src/config/gpus/load-gpu.ts";
import { shippedModels } from "../../../src/config/shapes.ts";
import { addDecode, attentionWindows, noAttentionWork } from "../../../src/core/cost/attention-work.ts";
import { evenTally } from "../../../src/core/cost/even-tally.ts";
import { KvRoom } from "../../../src/core/cost/kv-room.ts";
import { modelWeights } from "../../../src/core/cost/model-weights.ts";
import { PassTime } from "../../../src/core/cost/pass-time.ts";
import { whyNotServed } from "../../../src/core/cost/serving-room.ts";
import { StepCost } from "../../../src/core/cost/step-cost.ts";
import { type LayerTally, layerTally } from "../../../src/model/layer-tally.ts";
import { type MoeModel, expertBytes, sharedBytes } from "../../../src/model/moe-model.ts";
import { type Topology, gpuCount } from "../../../src/model/topology.ts";
import { BF16_BYTES, bytesPerWeight } from "../../../src/model/weights.ts";
import { engineOn, modelledHardware } from "../../../src/twin/calibration/gpu-hardware.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";

const SIZES = [1, 2, 4, 8, 16, 32];
const CONTEXT = { one: 1000, full: 2000 };
const MOST_REQUESTS = 256;

/** Every model on every type of GPU, the fewest that have room: a token of one request, and full batches. */
export async function modelsTable({ progress }: Bench): Promise<BenchTable> {
  const models = await shippedModels();
  const rows: (string | number | null)[][] = [];
  for (const gpu of await shippedGpus()) {
    progress(`models: ${gpu.name}`);
    const choice = await chooseGpu(gpu.name, { sourceOf: () => "bench", field: [] });
    for (const model of models) {
      const hardware = modelledHardware(model, choice);
      const topology = SIZES.map((gpus) => poolOf(model, gpus)).find(
        (pool) => whyNotServed(model, pool, hardware) === null,
      );
      if (topology === undefined) {
        rows.push([gpu.name, model.name, null, null, null, null, null]);
        continue;
      }
      const cost = new StepCost(model, topology, hardware, engineOn(choice));
      const one = stepSeconds(model, topology, cost, oneToken(model, topology), (rank) =>
        rank === 0 ? 1 : 0,
      );
      const bound = bytesRead(model, gpuCount(topology)) / gpu.memoryBandwidth;
      const room = new KvRoom(model, topology, hardware);
      const fit = Math.floor(room.capacityTokens / room.tokensOf(CONTEXT.full));
      const requests = Math.max(1, Math.min(MOST_REQUESTS, fit));
      const full = stepSeconds(model, topology, cost, fullBatch(model, topology, requests), () => requests);
      rows.push([
        gpu.name,
        model.name,
        gpuCount(topology),
        1000 * one,
        one / bound,
        requests,
        requests / full,
      ]);
    }
  }
  return {
    title: "A token of one request, and full batches",
    columns: [
      { name: "GPU" },
      { name: "model" },
      { name: "GPUs" },
      { name: "ms, one request", digits: 1 },
      { name: "times reading its weights", digits: 1 },
      { name: "requests a rank" },
      { name: "tokens/s of a GPU" },
    ],
    rows,
    notes: ["Ranks with attention of their own, experts alike, contexts of 1,000 and 2,000 tokens."],
    aims: [],
  };
}

function poolOf({ experts }: MoeModel, gpus: number): Topology {
  return {
    nodes: Math.max(1, gpus / 8),
    gpusPerNode: Math.min(8, gpus),
    slotsPerGpu: Math.ceil(experts / gpus),
  };
}

function stepSeconds(
  model: MoeModel,
  topology: Topology,
  cost: StepCost,
  tally: LayerTally,
  requestsOf: (rank: number) => number,
): number {
  const windows = attentionWindows(model);
  const context = requestsOf(1) === 0 ? CONTEXT.one : CONTEXT.full;
  const ranks = Array.from({ length: gpuCount(topology) }, (_, rank) => {
    const work = noAttentionWork(windows.length);
    for (let i = 0; i < requestsOf(rank); i++) addDecode(work, context, windows);
    return work;
  });
  const time = new PassTime(cost, ranks);
  for (const _ of model.moeLayers) time.add(tally);
  return time.seconds;
}

/** Its experts are on as many GPUs as there are for them. */
function oneToken({ topk }: MoeModel, topology: Topology): LayerTally {
  const tally = layerTally(topology);
  const gpus = gpuCount(topology);
  for (let i = 0; i < topk; i++) {
    tally.slotLoad[(i % gpus) * topology.slotsPerGpu + Math.floor(i / gpus)]++;
    tally.gpuLoad[i % gpus]++;
  }
  tally.selections = tally.selectionsFrom[0] = topk;
  return tally;
}

function fullBatch({ topk }: MoeModel, topology: Topology, tokensPerRank: number): LayerTally {
  const others = (places: number) => (places - 1) * (1 - (1 - 1 / places) ** topk);
  const [hops, nodeHops] = [others(gpuCount(topology)), others(topology.nodes)];
  return evenTally(topology, { tokensPerRank, topk, hops, nodeHops });
}

/** What a rank's GPU reads for one token: all it has but the embedding, and its part of the token's experts. */
function bytesRead(model: MoeModel, gpus: number): number {
  const { attention, dense } = modelWeights(model);
  const { vocabulary, hidden, moeLayers, topk, precision } = model;
  return (
    (attention + dense) * bytesPerWeight(precision.rest) +
    vocabulary * hidden * BF16_BYTES +
    moeLayers.length * (sharedBytes(model) + Math.ceil(topk / gpus) * expertBytes(model))
  );
}
