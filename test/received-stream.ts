import type { Rng } from "../src/lib/rng.ts";
import { type Placement, indexReplicas } from "../src/model/placement.ts";
import { gpuCount, gpuOfSlot } from "../src/model/topology.ts";

/** The same tokens, as each rank counts them: `[ranks]` of `[layers][experts]`. */
export interface BothCounts {
  readonly source: readonly Float64Array[];
  readonly received: readonly Float64Array[];
  /** `[layers][experts]` */
  readonly load: Float64Array;
}

/**
 * Routes tokens of random ranks, in each layer by its experts' parts, and sends each selection to one of the expert's
 * replicas, at odds.
 * @param parts `[layers][experts]`: weights
 */
export function countedTokens(
  rng: Rng,
  placement: Placement,
  parts: readonly (readonly number[])[],
  tokens: number,
  topk: number,
): BothCounts {
  const { layers, experts, topology } = placement;
  const { offsets, slots } = indexReplicas(placement);
  const counts = () => Array.from({ length: gpuCount(topology) }, () => new Float64Array(layers * experts));
  const source = counts();
  const received = counts();
  const load = new Float64Array(layers * experts);
  for (let selection = 0; selection < tokens * topk; selection++) {
    const rank = rng.below(source.length);
    for (let layer = 0; layer < layers; layer++) {
      const cell = layer * experts + drawn(rng, parts[layer]);
      const replicas = offsets[cell + 1] - offsets[cell];
      // The first replica gets most: nothing may rest on even shares.
      const nth = Math.floor(rng.uniform() ** 3 * replicas);
      source[rank][cell]++;
      received[gpuOfSlot(topology, slots[offsets[cell] + nth])][cell]++;
      load[cell]++;
    }
  }
  return { source, received, load };
}

function drawn(rng: Rng, weights: readonly number[]): number {
  let left = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i];
    if (left < 0) return i;
  }
  return weights.length - 1;
}
