import { int32Copy } from "../../../lib/readonly-arrays.ts";
import type { ExpertLoad } from "../../../model/load.ts";
import { type Placement, indexReplicas } from "../../../model/placement.ts";
import { slotCount } from "../../../model/topology.ts";
import { gpuLoads } from "../../shares/gpu-loads.ts";
import type { Consumer } from "./consumer.ts";

/** `[layers]`: the maximum of GPU load / speed that a consumer's split makes of a load. */
export function layerMaxima(
  { split }: Pick<Consumer, "split">,
  placement: Placement,
  load: ExpertLoad,
  speeds: Float64Array,
): Float64Array {
  const replicas = indexReplicas(placement);
  const { values } = split({ placement, replicas, load, speeds, last: null });
  const loads = gpuLoads(placement, values, load);
  const gpus = speeds.length;
  const maxima = new Float64Array(placement.layers);
  for (let i = 0; i < loads.length; i++) {
    const layer = Math.floor(i / gpus);
    maxima[layer] = Math.max(maxima[layer], loads[i] / speeds[i % gpus]);
  }
  return maxima;
}

/** Of several placements, every layer as it is in the one that a consumer's split levels best; the first of equals. */
export function bestLayers(
  consumer: Pick<Consumer, "split">,
  [first, ...others]: readonly [Placement, ...Placement[]],
  load: ExpertLoad,
  speeds: Float64Array,
): Placement {
  const width = slotCount(first.topology);
  const physicalToLogical = int32Copy(first.physicalToLogical);
  const least = layerMaxima(consumer, first, load, speeds);
  for (const other of others) {
    const maxima = layerMaxima(consumer, other, load, speeds);
    for (let layer = 0; layer < first.layers; layer++) {
      if (maxima[layer] >= least[layer]) continue;
      least[layer] = maxima[layer];
      for (let i = layer * width; i < (layer + 1) * width; i++)
        physicalToLogical[i] = other.physicalToLogical[i];
    }
  }
  return { ...first, physicalToLogical };
}
