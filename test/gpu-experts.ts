import type { Placement } from "../src/model/placement.ts";
import { gpuCount } from "../src/model/topology.ts";

/** `[layers × gpus]`: what every GPU holds, in slot order; −1 for an empty slot. */
export function gpuExperts({ layers, topology, physicalToLogical }: Placement): number[][] {
  const { slotsPerGpu } = topology;
  return Array.from({ length: layers * gpuCount(topology) }, (_, gpu) =>
    Array.from({ length: slotsPerGpu }, (__, slot) => physicalToLogical[gpu * slotsPerGpu + slot]),
  );
}
