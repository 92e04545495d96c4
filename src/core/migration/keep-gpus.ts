import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";

/**
 * The same placement with its nodes, and the GPUs within them, named so that they already hold as much as possible:
 * fewer weights travel, and nothing else changes. In each layer the pair of nodes that has most in common comes
 * first, then the next, and so for the GPUs of paired nodes. Only what can take as much changes names.
 */
export function keepGpus(previous: Placement, next: Placement, capacity: PoolCapacity): Placement {
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
  const { ofGpu, ofNode } = kindsOf(topology, capacity);
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
    for (const [node, toNode] of pairUp(nodeCommon, ofNode, ofNode).entries()) {
      for (let a = 0; a < gpusPerNode; a++) {
        for (let b = 0; b < gpusPerNode; b++) {
          within[a * gpusPerNode + b] = common[(node * gpusPerNode + a) * gpus + toNode * gpusPerNode + b];
        }
      }
      const kinds = ofGpu.slice(node * gpusPerNode, (node + 1) * gpusPerNode);
      const toKinds = ofGpu.slice(toNode * gpusPerNode, (toNode + 1) * gpusPerNode);
      for (const [a, b] of pairUp(within, kinds, toKinds).entries()) {
        const from = layer * width + (node * gpusPerNode + a) * slotsPerGpu;
        const to = layer * width + (toNode * gpusPerNode + b) * slotsPerGpu;
        for (let i = 0; i < slotsPerGpu; i++) physicalToLogical[to + i] = next.physicalToLogical[from + i];
      }
    }
  }
  return { ...next, physicalToLogical };
}

interface Kinds {
  /** `[gpus]` and `[nodes]`: alike where one can stand in for the other. */
  readonly ofGpu: readonly string[];
  readonly ofNode: readonly string[];
}

function kindsOf({ nodes, gpusPerNode }: Topology, { slots, speeds }: PoolCapacity): Kinds {
  const ofGpu = Array.from(slots, (count, gpu) => `${count} × ${speeds[gpu]}`);
  const ofNode = Array.from({ length: nodes }, (_, node) =>
    ofGpu
      .slice(node * gpusPerNode, (node + 1) * gpusPerNode)
      .toSorted()
      .join(),
  );
  return { ofGpu, ofNode };
}

/**
 * Pairs rows with columns of the same kind, the highest score first.
 * @param score   `[rows][columns]`
 * @param rows    kind of each
 * @param columns kind of each; of every kind as many as rows
 * @returns `[rows]`: the column of each
 */
function pairUp(score: Int32Array, rows: readonly string[], columns: readonly string[]): Int32Array {
  const size = rows.length;
  const columnOf = new Int32Array(size).fill(-1);
  const taken = new Uint8Array(size);
  const highest = score.reduce((a, b) => Math.max(a, b), 0);
  for (let value = highest; value >= 0; value--) {
    for (let i = 0; i < score.length; i++) {
      if (score[i] !== value) continue;
      const row = Math.floor(i / size);
      const column = i % size;
      if (columnOf[row] >= 0 || taken[column] === 1 || rows[row] !== columns[column]) continue;
      columnOf[row] = column;
      taken[column] = 1;
    }
  }
  return columnOf;
}
