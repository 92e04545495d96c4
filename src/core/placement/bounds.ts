import type { BoundKind } from "../../model/certificate.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";

/** What no placement and no split of the tokens can better. */
export interface LayerBound {
  /** The maximum of GPU load / speed is at least this. */
  readonly value: number;
  readonly kind: BoundKind;
}

/** One lower bound on the maximum GPU load / speed for every layer, whatever the placement and the shares. */
export function layerBounds(load: ExpertLoad, capacity: PoolCapacity): LayerBound[] {
  const speeds = [...capacity.speeds].filter((_, gpu) => capacity.slots[gpu] > 0).toSorted((a, b) => b - a);
  const slots = capacity.slots.reduce((sum, n) => sum + n, 0);
  const most = capacity.slots.reduce((a, b) => Math.max(a, b), 0);
  // fastest[n]: the speeds of the n fastest GPUs in service together.
  const fastest = new Float64Array(speeds.length + 1);
  for (const [n, speed] of speeds.entries()) fastest[n + 1] = fastest[n] + speed;
  const pool = { gpus: speeds.length, redundant: slots - load.experts, mostSlots: most, fastest };
  return Array.from({ length: load.layers }, (_, layer) => {
    const sorted = layerLoad(load, layer).toSorted().toReversed();
    let best: LayerBound = {
      value: sorted.reduce((sum, w) => sum + w, 0) / fastest[pool.gpus],
      kind: "mean",
    };
    for (const bound of [reach(sorted, pool), crowding(sorted, pool), filling(sorted, pool, capacity)]) {
      if (bound.value > best.value) best = bound;
    }
    return best;
  });
}

interface Pool {
  readonly gpus: number;
  readonly redundant: number;
  readonly mostSlots: number;
  readonly fastest: Float64Array;
}

/**
 * k experts and every redundant slot make k + redundant copies, on as many GPUs at most (k = 1: the hottest by itself).
 * @param sorted loads, heaviest first, as for all of these
 */
function reach(sorted: Float64Array, { gpus, redundant, fastest }: Pool): LayerBound {
  let value = 0;
  let sum = 0;
  for (let k = 1; k <= sorted.length && k + redundant < gpus; k++) {
    sum += sorted[k - 1];
    value = Math.max(value, sum / fastest[k + redundant]);
  }
  return { value, kind: "reach" };
}

/** Of the m hottest experts at least m − redundant have one copy only; where those are more than n per GPU, n + 1 meet. */
function crowding(sorted: Float64Array, { gpus, redundant, mostSlots, fastest }: Pool): LayerBound {
  let value = 0;
  for (let n = 1; n < mostSlots; n++) {
    // The fewest hottest experts of which more than n per GPU have one copy: n + 1 of them meet on some GPU.
    const m = n * gpus + redundant + 1;
    if (m > sorted.length) break;
    let lightest = 0;
    for (let i = m - 1 - n; i < m; i++) lightest += sorted[i];
    value = Math.max(value, lightest / fastest[1]);
  }
  return { value, kind: "crowding" };
}

/** Without redundant slots every GPU is full: beside the heaviest expert there are at least the lightest ones. */
function filling(sorted: Float64Array, { redundant, fastest }: Pool, { slots }: PoolCapacity): LayerBound {
  if (redundant > 0) return { value: 0, kind: "filling" };
  const fewest = slots.filter((n) => n > 0).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  let sum = sorted[0];
  for (let i = 0; i < fewest - 1; i++) sum += sorted[sorted.length - 1 - i];
  return { value: sum / fastest[1], kind: "filling" };
}
