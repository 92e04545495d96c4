import { type ExpertLoad, layerLoad } from "../../../model/load.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { layerBounds } from "../bounds.ts";
import { replicate } from "../replicate.ts";

/**
 * `[layers]`: the maximum of GPU load / speed is at least this wherever an expert's tokens are split evenly over its slots:
 * what holds for any split, and the heaviest part of the best numbers of slots.
 */
export function evenBounds(load: ExpertLoad, capacity: PoolCapacity): Float64Array {
  const slots = capacity.slots.reduce((sum, n) => sum + n, 0);
  let fastest = 0;
  for (const [gpu, n] of capacity.slots.entries())
    if (n > 0) fastest = Math.max(fastest, capacity.speeds[gpu]);
  return Float64Array.from(layerBounds(load, capacity), ({ value }, layer) => {
    const tokens = layerLoad(load, layer);
    const { counts } = replicate(tokens, slots);
    const heaviest = tokens.reduce((most, n, expert) => Math.max(most, n / counts[expert]), 0);
    return Math.max(value, heaviest / fastest);
  });
}
