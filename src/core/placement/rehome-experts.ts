import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type ExpertLoad, layerLoad } from "../../model/load.ts";
import { type Placement, servedExperts } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { gpuOfSlot, slotCount } from "../../model/topology.ts";

/**
 * The placement without the slots that are not usable any more (GPUs out of service, or with fewer slots): what has no
 * copy elsewhere is brought back. What finds no room stays where it is. Nothing else moves.
 */
export function rehomeExperts(previous: Placement, load: ExpertLoad, capacity: PoolCapacity): Placement {
  const { layers, experts, topology, physicalToLogical } = previous;
  const width = slotCount(topology);
  const rehomed = bringBack(usablePart(previous, capacity), load, capacity);
  const row = int32Copy(rehomed.physicalToLogical);
  for (let layer = 0; layer < layers; layer++) {
    const held = new Uint8Array(experts);
    for (let i = layer * width; i < (layer + 1) * width; i++) if (row[i] >= 0) held[row[i]] = 1;
    for (let i = layer * width; i < (layer + 1) * width; i++) {
      const expert = physicalToLogical[i];
      if (expert < 0 || held[expert] === 1) continue;
      row[i] = expert;
      held[expert] = 1;
    }
  }
  return { ...previous, physicalToLogical: row };
}

/** The placement with nothing in the slots that are not usable; it may lack experts. */
export function usablePart(placement: Placement, capacity: PoolCapacity): Placement {
  const usable = usableSlots(placement, capacity);
  const physicalToLogical = Int32Array.from(placement.physicalToLogical as ArrayLike<number>, (expert, i) =>
    usable[i % usable.length] === 1 ? expert : -1,
  );
  return { ...placement, physicalToLogical };
}

/**
 * Every expert without a replica gets a usable slot: an empty one, else one whose expert has another copy in a usable
 * slot, the least loaded first. No GPU takes in more than its even part while others have room: they load side by side,
 * and have little to spare for what they load. Where there are too few slots, the experts with the least load stay
 * without.
 * @param homes `[layers][experts]`: the node that each expert comes back to, where that has a slot to spare; null for any
 */
export function bringBack(
  placement: Placement,
  load: ExpertLoad,
  capacity: PoolCapacity,
  homes: Int32Array | null = null,
): Placement {
  const { layers, experts } = placement;
  const usable = usableSlots(placement, capacity);
  const width = usable.length;
  const physicalToLogical = int32Copy(placement.physicalToLogical);
  const { slotsPerGpu, gpusPerNode } = placement.topology;
  const slotsPerNode = slotsPerGpu * gpusPerNode;
  const inService = capacity.slots.reduce((count, slots) => count + Math.min(1, slots), 0);
  const evenPart = Math.ceil((layers * experts - servedExperts(placement)) / Math.max(1, inService));
  const mayTakeIn = new Int32Array(capacity.slots.length).fill(evenPart);
  for (let layer = 0; layer < layers; layer++) {
    const row = physicalToLogical.subarray(layer * width, (layer + 1) * width);
    const tokens = layerLoad(load, layer);
    const held = new Uint8Array(experts);
    const copies = new Int32Array(experts);
    const spare = new SpareSlots(row, usable, tokens, copies, slotsPerGpu, mayTakeIn);
    for (let slot = 0; slot < width; slot++) {
      if (row[slot] < 0) continue;
      held[row[slot]] = 1;
      copies[row[slot]] += usable[slot];
    }
    const missing = [...held.keys()].filter((e) => held[e] === 0).toSorted((a, b) => tokens[b] - tokens[a]);
    for (const expert of missing) {
      const home = homes === null ? 0 : homes[layer * experts + expert] * slotsPerNode;
      let slot = homes === null ? -1 : spare.next(home, home + slotsPerNode);
      if (slot < 0) slot = spare.next(0, width);
      if (slot < 0) break;
      mayTakeIn[Math.floor(slot / slotsPerGpu)]--;
      if (row[slot] >= 0) copies[row[slot]]--;
      row[slot] = expert;
      copies[expert]++;
    }
  }
  return { ...placement, physicalToLogical };
}

/** `[slots]`: 1 where the capacity has the slot. */
function usableSlots({ topology }: Placement, { slots }: PoolCapacity): Uint8Array {
  return Uint8Array.from({ length: slotCount(topology) }, (_, slot) =>
    slot % topology.slotsPerGpu < slots[gpuOfSlot(topology, slot)] ? 1 : 0,
  );
}

/** One layer's slots that can be given another expert. */
class SpareSlots {
  readonly #row: Int32Array;
  readonly #usable: Uint8Array;
  readonly #tokens: Float64Array;
  readonly #copies: Int32Array;
  readonly #slotsPerGpu: number;
  readonly #mayTakeIn: Int32Array;

  /** @param mayTakeIn `[gpus]`: how many more each is to take in */
  constructor(
    row: Int32Array,
    usable: Uint8Array,
    tokens: Float64Array,
    copies: Int32Array,
    slotsPerGpu: number,
    mayTakeIn: Int32Array,
  ) {
    this.#row = row;
    this.#usable = usable;
    this.#tokens = tokens;
    this.#copies = copies;
    this.#slotsPerGpu = slotsPerGpu;
    this.#mayTakeIn = mayTakeIn;
  }

  /**
   * Of the slots from `first` on and before `end`, on a GPU that may take more in, where there is one: an empty slot, else
   * the one that carries least. −1 for none.
   */
  next(first: number, end: number): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    let bestMay = false;
    for (let slot = first; slot < end; slot++) {
      if (this.#usable[slot] === 0) continue;
      const expert = this.#row[slot];
      if (expert >= 0 && this.#copies[expert] < 2) continue;
      const may = this.#mayTakeIn[Math.floor(slot / this.#slotsPerGpu)] > 0;
      const carried = this.#carried(slot);
      if (may === bestMay ? carried >= least : bestMay) continue;
      least = carried;
      best = slot;
      bestMay = may;
    }
    return best;
  }

  /** What would have to go elsewhere: nothing from an empty slot, nor from one of two on a GPU with the same expert. */
  #carried(slot: number): number {
    const expert = this.#row[slot];
    if (expert < 0) return -2;
    return holdsTwice(this.#row, slot, this.#slotsPerGpu) ? -1 : this.#tokens[expert] / this.#copies[expert];
  }
}

/** Whether another slot of the GPU holds the slot's expert too. */
function holdsTwice(row: Int32Array, slot: number, slotsPerGpu: number): boolean {
  const first = slot - (slot % slotsPerGpu);
  for (let i = first; i < first + slotsPerGpu; i++) if (i !== slot && row[i] === row[slot]) return true;
  return false;
}
