import { type MoeModel, expertBytes, expertWeights } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { arithmeticRate } from "./arithmetic-rate.ts";
import { FLOPS_PER_WEIGHT } from "./core-attention.ts";
import type { Hardware } from "./hardware.ts";

/**
 * Which part of the time that a GPU reads a layer's routed experts its even part of the tokens does not fill with
 * arithmetic, 0..1. So far levelling saves nothing: a GPU with more tokens computes while others still read.
 * @param model      the part of it that one GPU has
 * @param stepTokens of a forward pass, in the whole pool, > 0
 */
export function readingPart(
  model: MoeModel,
  topology: Topology,
  hardware: Hardware,
  stepTokens: number,
): number {
  const { slotsPerGpu } = topology;
  const selections = (stepTokens * model.topk) / gpuCount(topology);
  // As if each fell on any slot.
  const read = slotsPerGpu * (1 - Math.exp(-selections / slotsPerGpu));
  const reading = (read * expertBytes(model)) / (hardware.weightBandwidth * hardware.expertReading);
  const rate = hardware.expertFlops * arithmeticRate(hardware, model.precision.experts);
  const computing = (selections * FLOPS_PER_WEIGHT * expertWeights(model)) / rate;
  return Math.max(0, 1 - computing / reading);
}
