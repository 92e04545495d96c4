import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { SignatureShape } from "./signature-shape.ts";

/** Where a pool has its experts in one layer. */
export interface LayerSlots {
  /** `[slots]`: the expert of each; below 0 for none. */
  readonly expertOf: ReadonlyNumbers;
  /** `[slots]`: the part of its expert's tokens that each gets. */
  readonly shares: ReadonlyNumbers;
  readonly slotsPerGpu: number;
}

/** What a decode step is expected to read in a layer, mean over the layers of a signature. */
export interface ExpectedStep {
  readonly distinctExperts: number;
  /** On the GPU that reads the most; null where it is not known where experts are. */
  readonly fullestGpuExperts: number | null;
}

/** Of a request that was seen to use an expert in all of its tokens: what is known of few is not certain. */
const MOST_CERTAIN = 0.98;

/**
 * The mixes of the requests that each of some pools got. A step has a token of each of so many requests: none of them
 * selects an expert with the product of their chances not to, which is known by the mean of their logarithms.
 */
export class MixSums {
  readonly #shape: SignatureShape;
  /** `[pools][layers][experts]`: of the logarithms. */
  readonly #sums: readonly Float64Array[];
  /** `[pools]` */
  readonly requests: Float64Array;

  constructor(pools: number, shape: SignatureShape) {
    this.#shape = shape;
    this.#sums = Array.from({ length: pools }, () => new Float64Array(shape.width));
    this.requests = new Float64Array(pools);
  }

  add(pool: number, mix: Float32Array): void {
    const sum = this.#sums[pool];
    for (let i = 0; i < sum.length; i++)
      if (mix[i] > 0) sum[i] += Math.log1p(-Math.min(mix[i], MOST_CERTAIN));
    this.requests[pool]++;
  }

  empty(): void {
    for (const sum of this.#sums) sum.fill(0);
    this.requests.fill(0);
  }

  /**
   * Of a pool with requests: a step of so many tokens, each of another of them.
   * @param slotsOf by row of the model's MoE layers; null where that is not known
   */
  step(pool: number, tokens: number, slotsOf: ((layer: number) => LayerSlots) | null): ExpectedStep {
    const { layers, experts } = this.#shape;
    const [sum, requests] = [this.#sums[pool], this.requests[pool]];
    let [distinct, fullest] = [0, 0];
    for (const [at, layer] of layers.entries()) {
      const missed = sum.subarray(at * experts, (at + 1) * experts);
      for (const one of missed) distinct += 1 - Math.exp((tokens * one) / requests);
      if (slotsOf !== null) fullest += fullestGpu(missed, tokens / requests, slotsOf(layer));
    }
    return {
      distinctExperts: distinct / layers.length,
      fullestGpuExperts: slotsOf === null ? null : fullest / layers.length,
    };
  }
}

/** @param missed by expert @param times that a step has what `missed` is of */
function fullestGpu(
  missed: Float64Array,
  times: number,
  { expertOf, shares, slotsPerGpu }: LayerSlots,
): number {
  let fullest = 0;
  for (let slot = 0; slot < expertOf.length; ) {
    let own = 0;
    for (const end = Math.min(expertOf.length, slot + slotsPerGpu); slot < end; slot++)
      if (expertOf[slot] >= 0) own += 1 - Math.exp(times * shares[slot] * missed[expertOf[slot]]);
    if (own > fullest) fullest = own;
  }
  return fullest;
}
