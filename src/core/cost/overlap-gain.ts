import type { MoeModel } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import type { AttentionWork } from "./attention-work.ts";
import { type EvenTraffic, evenTally } from "./even-tally.ts";
import type { Hardware } from "./hardware.ts";
import { PassTime } from "./pass-time.ts";
import { StepCost } from "./step-cost.ts";

/**
 * What two overlapping micro-batches are predicted to win in throughput over one batch when the experts are
 * balanced: 0.25 = a quarter more. Below 0 they lose, since either reads the weights: the batch is too small.
 *
 * @param ranks   the attention of every rank
 * @param traffic hops as last measured
 */
export function overlapGain(
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  ranks: readonly AttentionWork[],
  traffic: Omit<EvenTraffic, "tokensPerRank" | "topk">,
): number {
  const tokens = ranks.reduce((sum, work) => sum + work.tokens, 0);
  const tokensPerRank = Math.ceil(tokens / ranks.length);
  const tally = evenTally(topology, { tokensPerRank, topk: model.topk, ...traffic });
  const time = new PassTime(new StepCost(model, topology, hardware), ranks);
  for (let layer = 0; layer < model.moeLayers.length; layer++) time.add(tally);
  return time.gain;
}
