import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { nodeOfGpu, slotCount } from "../../model/topology.ts";

/** `[layers]`: usable slots that hold nothing. */
export function emptySlots(
  { layers, topology, physicalToLogical }: Placement,
  capacity: PoolCapacity,
): Int32Array {
  const width = slotCount(topology);
  const empty = new Int32Array(layers);
  for (let layer = 0; layer < layers; layer++) {
    for (const [gpu, count] of capacity.slots.entries()) {
      const first = layer * width + gpu * topology.slotsPerGpu;
      for (let i = first; i < first + count; i++) if (physicalToLogical[i] < 0) empty[layer]++;
    }
  }
  return empty;
}

/**
 * Fills empty slots, such as those of a GPU that is new: each with a replica of the expert whose replicas carry most of
 * those that the least loaded GPU with room lacks. A GPU that holds every expert leaves its slots empty.
 * @param most  `[layers]`: slots to fill in each at most
 * @param homes `[layers][experts]`: nodes get replicas of experts that are at home there, as far as there are any; null
 *              for any
 */
export function fillEmptySlots(
  placement: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  most: Int32Array,
  homes: Int32Array | null = null,
): Placement {
  const { layers, experts, topology } = placement;
  const width = slotCount(topology);
  const physicalToLogical = int32Copy(placement.physicalToLogical);
  for (let layer = 0; layer < layers; layer++) {
    if (most[layer] === 0) continue;
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    const atHome = (expert: number, gpu: number) =>
      homes !== null && homes[layer * experts + expert] === nodeOfGpu(topology, gpu);
    fillRow(row, layerLoad(load, layer), topology.slotsPerGpu, capacity, most[layer], atHome);
  }
  return { ...placement, physicalToLogical };
}

function fillRow(
  row: Int32Array,
  tokens: Float64Array,
  slotsPerGpu: number,
  { slots, speeds }: PoolCapacity,
  most: number,
  atHome: (expert: number, gpu: number) => boolean,
): void {
  const copies = new Int32Array(tokens.length);
  for (const expert of row) if (expert >= 0) copies[expert]++;
  const usable = Array.from(slots, (count, gpu) =>
    row.subarray(gpu * slotsPerGpu, gpu * slotsPerGpu + count),
  );
  const carried = Float64Array.from(usable, (own) =>
    own.reduce((sum, expert) => (expert < 0 ? sum : sum + tokens[expert] / copies[expert]), 0),
  );
  const open = new Set([...usable.keys()].filter((gpu) => usable[gpu].includes(-1)));
  for (let left = most; left > 0 && open.size > 0; ) {
    const gpu = [...open].reduce((a, b) => (carried[b] / speeds[b] < carried[a] / speeds[a] ? b : a));
    const expert = fullest(tokens, copies, usable[gpu], (e) => atHome(e, gpu));
    if (expert >= 0) {
      usable[gpu][usable[gpu].indexOf(-1)] = expert;
      carried[gpu] += tokens[expert] / ++copies[expert];
      left--;
    }
    if (expert < 0 || !usable[gpu].includes(-1)) open.delete(gpu);
  }
}

/** Of the experts that a GPU does not hold, those at home first, the one whose replicas carry most; −1 for none. */
function fullest(
  tokens: Float64Array,
  copies: Int32Array,
  held: Int32Array,
  atHome: (expert: number) => boolean,
): number {
  let best = -1;
  let home = false;
  for (let e = 0; e < tokens.length; e++) {
    const isHome = atHome(e);
    const fuller = best < 0 || tokens[e] / copies[e] > tokens[best] / copies[best];
    if ((isHome === home ? !fuller : home) || held.includes(e)) continue;
    best = e;
    home = isHome;
  }
  return best;
}
