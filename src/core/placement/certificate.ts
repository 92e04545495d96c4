import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { Certificate, LayerCertificate } from "../../model/certificate.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { layerBounds } from "./bounds.ts";

/** Sums over GPUs and layers are rounded: a maximum above the mean by less than this part is the mean. */
const ROUNDING = 1e-12;

/**
 * Holds what a placement and its shares make of a load against what nothing can better.
 * @param gpuLoads `[layers][gpus]`: the load every GPU carries
 * @param dispatch what makes it so
 */
export function certify(
  load: ExpertLoad,
  capacity: PoolCapacity,
  gpuLoads: ReadonlyNumbers,
  dispatch: ConsumerDispatch = "shares",
): Certificate {
  const { slots, speeds } = capacity;
  const gpus = slots.length;
  let speed = 0;
  for (let gpu = 0; gpu < gpus; gpu++) if (slots[gpu] > 0) speed += speeds[gpu];
  const sum = { max: 0, mean: 0, bound: 0 };
  const layers = layerBounds(load, capacity).map((bound, layer): LayerCertificate => {
    let max = 0;
    let total = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      const carried = gpuLoads[layer * gpus + gpu];
      total += carried;
      max = Math.max(max, carried / speeds[gpu]);
    }
    const mean = total / speed;
    sum.max += max;
    sum.mean += mean;
    sum.bound += bound.value;
    return {
      max,
      mean,
      bound: bound.value,
      kind: bound.kind,
      gap: bound.value === 0 ? 0 : Math.max(0, max / bound.value - 1),
    };
  });
  const balancedness = sum.max <= sum.mean * (1 + ROUNDING) ? 1 : sum.mean / sum.max;
  const bound = sum.bound === 0 ? 1 : Math.min(1, sum.mean / sum.bound);
  // Both sums are rounded: a placement that attains the bound must not seem to better it.
  return { dispatch, balancedness, bound, gap: Math.max(0, bound - balancedness), layers };
}
