import type { Placement } from "../../model/placement.ts";
import { slotCount, type Topology } from "../../model/topology.ts";

/**
 * The placement an engine starts with: experts in order, slot by slot; redundant slots begin again at expert 0
 * (SGLang's `trivial`). With as many slots as experts it is the one without redundancy.
 * @throws RangeError when the slots are fewer than the experts
 */
export function contiguousPlacement(layers: number, experts: number, topology: Topology): Placement {
  const width = slotCount(topology);
  if (width < experts) throw new RangeError(`${width} slots cannot hold ${experts} experts`);
  const physicalToLogical = new Int32Array(layers * width);
  for (let i = 0; i < physicalToLogical.length; i++) physicalToLogical[i] = (i % width) % experts;
  return { layers, experts, topology, physicalToLogical };
}
