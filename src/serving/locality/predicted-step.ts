import { addDecode, attentionWindows, noAttentionWork } from "../../core/cost/attention-work.ts";
import { ENGINE_H800 } from "../../core/cost/hardware.ts";
import { StepCost } from "../../core/cost/step-cost.ts";
import { type LayerTally, layerTally } from "../../model/layer-tally.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";

/** What predictions are made for: no pool says its own. */
export const PREDICTED_GPU = "H800";
/** Tokens that each request attends to. */
export const PREDICTED_CONTEXT = 2000;

/**
 * What the cost model says of decode steps of one size, by the experts that their fullest GPU reads in a layer. Tokens
 * begin on every GPU alike, and travel as if experts were drawn evenly: only reading differs.
 * @param tokens of a step
 * @returns milliseconds
 */
export function stepPredictor(
  model: MoeModel,
  topology: Topology,
  tokens: number,
): (fullestGpuExperts: number) => number {
  const gpus = gpuCount(topology);
  const cost = new StepCost(model, topology, ENGINE_H800);
  const windows = attentionWindows(model);
  const own = Math.max(1, Math.round(tokens / gpus));
  const ranks = Array.from({ length: gpus }, () => {
    const work = noAttentionWork(windows.length);
    for (let i = 0; i < own; i++) addDecode(work, PREDICTED_CONTEXT, windows);
    return work;
  });
  const tally = evenTally(topology, own, model.topk);
  const [attention, half] = [cost.attention(ranks), cost.halfAttention(ranks)];
  const outside = cost.outsideMoe(ranks);
  const [whole, halved] = [cost.exchanges(tally, own, 0, false), cost.exchanges(tally, own, 0, true)];
  return (active) => {
    const selections = own * model.topk;
    const inTurn = { ...whole, experts: cost.expertSeconds(active, selections, own, 0, false) };
    const overlapped = { ...halved, experts: cost.expertSeconds(active, selections, own, 0, true) };
    let [oneByOne, both] = [0, 0];
    for (let layer = 0; layer < attention.length; layer++) {
      oneByOne += cost.layerInTurn({ ...inTurn, attention: attention[layer] });
      both += cost.layerOverlapped({ ...overlapped, attention: half[layer] }, 0);
    }
    return 1000 * (outside + (cost.overlaps ? Math.min(oneByOne, both) : oneByOne));
  };
}

/** As many tokens of each GPU to every other as even draws come to. */
function evenTally(topology: Topology, own: number, topk: number): LayerTally {
  const { nodes } = topology;
  const gpus = gpuCount(topology);
  const tally = layerTally(topology);
  const reaches = (places: number) => 1 - (1 - 1 / places) ** topk;
  const toNodes = Math.round(own * (nodes - 1) * reaches(nodes));
  tally.gpuLoad.fill(own * topk);
  tally.selectionsFrom.fill(own * topk);
  tally.nodeSends.fill(toNodes);
  tally.nodeReceives.fill(toNodes);
  tally.rankReceives.fill(Math.round(own * (gpus - 1) * reaches(gpus)));
  tally.hops = gpus * Math.round(own * (gpus - 1) * reaches(gpus));
  tally.nodeHops = gpus * toNodes;
  tally.selections = gpus * own * topk;
  return tally;
}
