import { type Placement, indexReplicas } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/**
 * The same placement with its nodes, and the GPUs within them, named so that they already hold as much as possible:
 * fewer weights travel, and nothing else changes. In each layer the pair of nodes that has most in common comes
 * first, then the next, and so for the GPUs of paired nodes. All GPUs have to be alike.
 */
export function keepGpus(previous: Placement, next: Placement): Placement {
  const { layers, experts, topology } = next;
  const { nodes, gpusPerNode, slotsPerGpu } = topology;
  const gpus = gpuCount(topology);
  const width = slotCount(topology);
  const { offsets, slots } = indexReplicas(previous);
  const physicalToLogical = new Int32Array(layers * width);
  // `[gpus of next][gpus of previous]` and `[nodes of next][nodes of previous]`: experts that both hold.
  const common = new Int32Array(gpus * gpus);
  const nodeCommon = new Int32Array(nodes * nodes);
  const within = new Int32Array(gpusPerNode * gpusPerNode);
  for (let layer = 0; layer < layers; layer++) {
    common.fill(0);
    nodeCommon.fill(0);
    for (let slot = 0; slot < width; slot++) {
      const expert = next.physicalToLogical[layer * width + slot];
      if (expert < 0) continue;
      const gpu = Math.floor(slot / slotsPerGpu);
      const row = layer * experts + expert;
      for (let i = offsets[row]; i < offsets[row + 1]; i++) {
        const held = Math.floor(slots[i] / slotsPerGpu);
        common[gpu * gpus + held]++;
        nodeCommon[Math.floor(gpu / gpusPerNode) * nodes + Math.floor(held / gpusPerNode)]++;
      }
    }
    for (const [node, toNode] of pairUp(nodeCommon, nodes).entries()) {
      for (let a = 0; a < gpusPerNode; a++) {
        for (let b = 0; b < gpusPerNode; b++) {
          within[a * gpusPerNode + b] = common[(node * gpusPerNode + a) * gpus + toNode * gpusPerNode + b];
        }
      }
      for (const [a, b] of pairUp(within, gpusPerNode).entries()) {
        const from = layer * width + (node * gpusPerNode + a) * slotsPerGpu;
        const to = layer * width + (toNode * gpusPerNode + b) * slotsPerGpu;
        for (let i = 0; i < slotsPerGpu; i++) physicalToLogical[to + i] = next.physicalToLogical[from + i];
      }
    }
  }
  return { ...next, physicalToLogical };
}

/**
 * Pairs rows with columns, the highest score first.
 * @param score `[size][size]`
 * @returns `[size]`: the column of each row
 */
function pairUp(score: Int32Array, size: number): Int32Array {
  const columnOf = new Int32Array(size).fill(-1);
  const taken = new Uint8Array(size);
  for (let pair = 0; pair < size; pair++) {
    let best = -1;
    for (let i = 0; i < score.length; i++) {
      if (columnOf[Math.floor(i / size)] >= 0 || taken[i % size] === 1) continue;
      if (best < 0 || score[i] > score[best]) best = i;
    }
    columnOf[Math.floor(best / size)] = best % size;
    taken[best % size] = 1;
  }
  return columnOf;
}
