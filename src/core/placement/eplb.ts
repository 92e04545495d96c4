import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import { slotCount, type Topology } from "../../model/topology.ts";
import { packBalanced } from "./pack-balanced.ts";
import { replicate } from "./replicate.ts";

/**
 * DeepSeek's expert-parallel load balancer (github.com/deepseek-ai/EPLB), layer by layer: expert groups are
 * packed onto nodes, hot experts are replicated inside their node, and the replicas are packed onto its GPUs.
 * Where the nodes do not divide the groups, the pool counts as one node that holds one group ("global").
 *
 * @param groups expert groups of the gate; divides the experts
 * @throws RangeError when the slots are fewer than the experts or the groups do not divide the experts
 */
export function eplb(load: ExpertLoad, topology: Topology, groups: number): Placement {
  const { layers, experts } = load;
  const width = slotCount(topology);
  if (width < experts) throw new RangeError(`${width} slots cannot hold ${experts} experts`);
  if (experts % groups !== 0) throw new RangeError(`${groups} groups do not divide ${experts} experts`);
  const hierarchical = groups % topology.nodes === 0;
  const shape: Shape = {
    groups: hierarchical ? groups : 1,
    nodes: hierarchical ? topology.nodes : 1,
    gpusPerNode: hierarchical ? topology.gpusPerNode : topology.nodes * topology.gpusPerNode,
    slotsPerGpu: topology.slotsPerGpu,
  };
  const physicalToLogical = new Int32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    placeLayer(layerLoad(load, layer), shape, physicalToLogical.subarray(layer * width, (layer + 1) * width));
  }
  return { layers, experts, topology, physicalToLogical };
}

interface Shape extends Topology {
  /** A multiple of the nodes. */
  readonly groups: number;
}

/**
 * @param load `[experts]`
 * @param row  `[slots]` of logical experts, written
 */
function placeLayer(load: Float64Array, shape: Shape, row: Int32Array): void {
  const { groups, nodes, gpusPerNode, slotsPerGpu } = shape;
  const expertsPerNode = load.length / nodes;
  const slotsPerNode = gpusPerNode * slotsPerGpu;
  const nodeExperts = expertsByNode(load, groups, nodes);
  const nodeLoad = new Float64Array(expertsPerNode);
  const replicaLoad = new Float64Array(slotsPerNode);
  for (let node = 0; node < nodes; node++) {
    for (let i = 0; i < expertsPerNode; i++) nodeLoad[i] = load[nodeExperts[node * expertsPerNode + i]];
    const { replicaOf, counts } = replicate(nodeLoad, slotsPerNode);
    for (let i = 0; i < slotsPerNode; i++) replicaLoad[i] = nodeLoad[replicaOf[i]] / counts[replicaOf[i]];
    const replicaAt = packBalanced(replicaLoad, gpusPerNode);
    for (let slot = 0; slot < slotsPerNode; slot++) {
      row[node * slotsPerNode + slot] = nodeExperts[node * expertsPerNode + replicaOf[replicaAt[slot]]];
    }
  }
}

/** `[nodes][experts / nodes]`: the logical experts of each node, its groups in the order they were packed. */
function expertsByNode(load: Float64Array, groups: number, nodes: number): Int32Array {
  const groupSize = load.length / groups;
  const groupLoad = new Float64Array(groups);
  for (let expert = 0; expert < load.length; expert++) {
    groupLoad[Math.floor(expert / groupSize)] += load[expert];
  }
  const packed = packBalanced(groupLoad, nodes);
  return Int32Array.from(load, (_, i) => packed[Math.floor(i / groupSize)] * groupSize + (i % groupSize));
}
