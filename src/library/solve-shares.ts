import { solveShares as solve } from "../core/shares/solve-shares.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { type Placement, indexReplicas } from "../model/placement.ts";
import { gpuCount } from "../model/topology.ts";
import type { LoadInput } from "./inputs.ts";
import { InputReader } from "./read-inputs.ts";

export interface SharesOptions {
  /** Every expert of every layer has a slot. */
  readonly placement: Placement;
  /** Tokens routed to each expert of each layer of the placement. */
  readonly load: LoadInput;
  /** `[gpus]`: how fast each computes relative to the others, > 0; 1 where it is left out. */
  readonly gpuSpeeds?: readonly number[];
  /** `[layers][slots]`: shares of the same placement that are in force: what can stay as it is stays. */
  readonly last?: ReadonlyNumbers;
}

const FIELDS = ["placement", "load", "gpuSpeeds", "last"];

export interface SharesResult {
  /** `[layers][slots]`: the fraction of its expert's tokens that a slot gets; an expert's shares sum to 1. */
  readonly shares: Float64Array;
  /** `[layers][gpus]`: what one more token on this GPU adds to the layer's maximum; ≥ 0, sums to 1 per layer. */
  readonly prices: Float64Array;
  /** `[layers]`: the load of the fullest GPU, in tokens ÷ speed: the least that any shares of this placement reach. */
  readonly maxima: Float64Array;
}

/**
 * Splits every expert's tokens over its replicas so that the fullest GPU of every layer has the least possible: exactly,
 * by parametric maximum flow (`core/shares/solve-shares.ts`), with the prices that prove it. A layer without load is split
 * evenly.
 * @throws InputError naming the field at fault
 */
export function solveShares(options: SharesOptions): SharesResult {
  const read = new InputReader("solveShares");
  read.known(options, FIELDS);
  const placement = read.placement(options.placement, "placement");
  const { layers, experts, topology } = placement;
  const load = read.load(options.load);
  if (load.layers !== layers || load.experts !== experts) {
    const has = `has ${load.layers} layers of ${load.experts} experts`;
    throw read.fault("load", `${has}; expected the placement's ${layers} of ${experts}`);
  }
  const { gpuSpeeds, last } = options;
  const speeds = gpuSpeeds && read.amounts(gpuSpeeds, "gpuSpeeds", gpuCount(topology));
  const still = speeds?.indexOf(0) ?? -1;
  if (still >= 0) throw read.fault(`gpuSpeeds[${still}]`, "is 0; expected a number > 0");
  const before = last === undefined ? null : read.shares(last, placement, "last");
  const { values, prices, optimum } = solve(placement, indexReplicas(placement), load, speeds, before);
  return { shares: values, prices, maxima: optimum };
}
