import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { Certificate, LayerCertificate } from "../../model/certificate.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { gpuCount, type Topology } from "../../model/topology.ts";
import { layerBounds } from "./bounds.ts";

/**
 * Holds what a placement and its shares make of a load against what nothing can better.
 * @param gpuLoads `[layers][gpus]`: the load every GPU carries
 */
export function certify(load: ExpertLoad, topology: Topology, gpuLoads: ReadonlyNumbers): Certificate {
  const gpus = gpuCount(topology);
  const sum = { max: 0, mean: 0, bound: 0 };
  const layers = layerBounds(load, topology).map((bound, layer): LayerCertificate => {
    let max = 0;
    let total = 0;
    for (let gpu = 0; gpu < gpus; gpu++) {
      const carried = gpuLoads[layer * gpus + gpu];
      total += carried;
      if (carried > max) max = carried;
    }
    const mean = total / gpus;
    sum.max += max;
    sum.mean += mean;
    sum.bound += bound.value;
    return { max, mean, bound: bound.value };
  });
  const balancedness = sum.max === 0 ? 1 : sum.mean / sum.max;
  const bound = sum.bound === 0 ? 1 : Math.min(1, sum.mean / sum.bound);
  // Both sums are rounded: a placement that attains the bound must not seem to better it.
  return { balancedness, bound, gap: Math.max(0, bound - balancedness), layers };
}
