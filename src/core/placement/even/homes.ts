import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import type { Topology } from "../../../model/topology.ts";
import { type Zones, zonesOf } from "../zones.ts";

/** Whether every expert group of the gate is to stay on one node, as hierarchical EPLB has it. */
export function keepsGroups(experts: number, groups: number, { nodes }: Topology): boolean {
  return groups > 1 && nodes > 1 && groups % nodes === 0 && experts % groups === 0;
}

/**
 * Packs one layer's groups onto nodes: heaviest first, then by swaps of two groups as long as they lower the fuller node.
 * @param tokens `[experts]`
 * @returns `[experts]`: the node of each; null where the nodes in service have no room for whole groups
 */
export function packGroups(
  tokens: Float64Array,
  groups: number,
  topology: Topology,
  capacity: PoolCapacity,
): Int32Array | null {
  const size = tokens.length / groups;
  const load = new Float64Array(groups);
  for (let expert = 0; expert < tokens.length; expert++) load[Math.floor(expert / size)] += tokens[expert];
  const zones = zonesOf(topology, capacity, true);
  const nodeOf = deal(load, size, zones);
  if (nodeOf === null) return null;
  const level = nodeLevels(load, nodeOf, zones);
  for (let swaps = 0; swaps < groups * groups && swapGroups(load, nodeOf, level, zones); swaps++);
  return Int32Array.from(tokens, (_, expert) => nodeOf[Math.floor(expert / size)]);
}

/** The load of the experts at home on the fullest node / its speed: no seating within nodes betters it. */
export function fullestNode(
  tokens: Float64Array,
  homes: Int32Array,
  topology: Topology,
  capacity: PoolCapacity,
): number {
  return nodeLevels(tokens, homes, zonesOf(topology, capacity, true)).reduce((a, b) => Math.max(a, b), 0);
}

function deal(load: Float64Array, size: number, { count, slots, speeds }: Zones): Int32Array | null {
  const usable = slots.reduce((sum, n) => sum + n, 0);
  const nodeOf = new Int32Array(load.length).fill(-1);
  const level = new Float64Array(count);
  const held = new Int32Array(count);
  for (const group of [...load.keys()].toSorted((a, b) => load[b] - load[a])) {
    let best = -1;
    for (let node = 0; node < count; node++) {
      const most = Math.min(Math.ceil((load.length * slots[node]) / usable), Math.floor(slots[node] / size));
      if (held[node] < most && (best < 0 || level[node] < level[best])) best = node;
    }
    if (best < 0) return null;
    nodeOf[group] = best;
    held[best]++;
    level[best] += load[group] / speeds[best];
  }
  return nodeOf;
}

/** Swaps the two groups that lower the fullest node most; false where none do. */
function swapGroups(load: Float64Array, nodeOf: Int32Array, level: Float64Array, { speeds }: Zones): boolean {
  let fullest = 0;
  for (let node = 1; node < level.length; node++) if (level[node] > level[fullest]) fullest = node;
  let least = level[fullest] * (1 - 1e-9);
  let best: readonly [number, number] | null = null;
  for (const [a, node] of nodeOf.entries()) {
    if (node !== fullest) continue;
    for (const [b, other] of nodeOf.entries()) {
      if (other === fullest) continue;
      const less = load[a] - load[b];
      const max = Math.max(level[fullest] - less / speeds[fullest], level[other] + less / speeds[other]);
      if (max < least) {
        least = max;
        best = [a, b];
      }
    }
  }
  if (best === null) return false;
  [nodeOf[best[0]], nodeOf[best[1]]] = [nodeOf[best[1]], nodeOf[best[0]]];
  level.set(nodeLevels(load, nodeOf, { speeds }));
  return true;
}

/** @param nodeOf of each load */
function nodeLevels(load: Float64Array, nodeOf: Int32Array, { speeds }: Pick<Zones, "speeds">): Float64Array {
  const level = new Float64Array(speeds.length);
  for (let i = 0; i < load.length; i++) level[nodeOf[i]] += load[i] / speeds[nodeOf[i]];
  return level;
}
