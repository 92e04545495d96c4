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

/** The mixes of the requests that each of some pools got. */
export class MixSums {
  readonly #shape: SignatureShape;
  /** `[pools][layers][experts]` */
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
    for (let i = 0; i < sum.length; i++) sum[i] += mix[i];
    this.requests[pool]++;
  }

  empty(): void {
    for (const sum of this.#sums) sum.fill(0);
    this.requests.fill(0);
  }

  /**
   * Of a pool with requests: a step of so many tokens, drawn from the mean of their mixes.
   * @param slotsOf by row of the model's MoE layers; null where that is not known
   */
  step(pool: number, tokens: number, slotsOf: ((layer: number) => LayerSlots) | null): ExpectedStep {
    const { layers, experts } = this.#shape;
    const [sum, requests] = [this.#sums[pool], this.requests[pool]];
    let [distinct, fullest] = [0, 0];
    for (const [at, layer] of layers.entries()) {
      const chances = sum.subarray(at * experts, (at + 1) * experts);
      for (const chance of chances) distinct += read(chance / requests, tokens);
      if (slotsOf !== null) fullest += fullestGpu(chances, requests, tokens, slotsOf(layer));
    }
    return {
      distinctExperts: distinct / layers.length,
      fullestGpuExperts: slotsOf === null ? null : fullest / layers.length,
    };
  }
}

/** The chance that one of so many tokens selects an expert. */
function read(chance: number, tokens: number): number {
  if (chance <= 0) return 0;
  return chance >= 1 ? 1 : 1 - Math.exp(tokens * Math.log1p(-chance));
}

function fullestGpu(
  chances: Float64Array,
  requests: number,
  tokens: number,
  { expertOf, shares, slotsPerGpu }: LayerSlots,
): number {
  let fullest = 0;
  for (let slot = 0; slot < expertOf.length; ) {
    let own = 0;
    for (const end = Math.min(expertOf.length, slot + slotsPerGpu); slot < end; slot++)
      if (expertOf[slot] >= 0) own += read((shares[slot] * chances[expertOf[slot]]) / requests, tokens);
    if (own > fullest) fullest = own;
  }
  return fullest;
}
