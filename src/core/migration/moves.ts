import { type MoeModel, expertBytes } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount, slotCount } from "../../model/topology.ts";

/** What going from one placement to another costs. */
export interface Moves {
  /** Slots that receive an expert their GPU did not hold in that layer. */
  readonly slots: number;
  /** Weight bytes that cross between GPUs. */
  readonly bytes: number;
  /** `[gpus]`: slots each GPU has to receive, summed over layers. */
  readonly received: Int32Array;
}

/** Counts the weights that must travel: a GPU that already holds an expert copies it to another slot for nothing. */
export function countMoves(model: MoeModel, previous: Placement, next: Placement): Moves {
  const { slots, received } = countMovedSlots(previous, next);
  return { slots, bytes: slots * expertBytes(model), received };
}

/**
 * The same where what an expert weighs is not known.
 * @param previous may be of a pool of another size: GPUs keep their numbers, and those beyond held nothing
 */
export function countMovedSlots(previous: Placement, next: Placement): Omit<Moves, "bytes"> {
  const received = new Int32Array(gpuCount(next.topology));
  let slots = 0;
  forEachMove(previous, next, (_layer, gpu) => {
    received[gpu]++;
    slots++;
  });
  return { slots, received };
}

/** `[layers]`: slots that receive an expert their GPU did not hold. */
export function layerMoves(previous: Placement, next: Placement): Int32Array {
  const moves = new Int32Array(next.layers);
  forEachMove(previous, next, (layer) => moves[layer]++);
  return moves;
}

/** @param moved receives every slot of `next` (its place in the map) whose expert its GPU did not hold */
export function forEachMove(
  previous: Placement,
  next: Placement,
  moved: (layer: number, gpu: number, at: number) => void,
): void {
  const { layers, topology } = next;
  const { slotsPerGpu } = topology;
  const width = slotCount(topology);
  const widthBefore = slotCount(previous.topology);
  const gpus = gpuCount(topology);
  for (let layer = 0; layer < layers; layer++) {
    for (let gpu = 0; gpu < gpus; gpu++) {
      const first = layer * width + gpu * slotsPerGpu;
      const before = Math.min(widthBefore, gpu * previous.topology.slotsPerGpu);
      const after = Math.min(widthBefore, before + previous.topology.slotsPerGpu);
      for (let i = first; i < first + slotsPerGpu; i++) {
        const expert = next.physicalToLogical[i];
        if (expert < 0 || holds(next, first, i, expert)) continue;
        if (holds(previous, layer * widthBefore + before, layer * widthBefore + after, expert)) continue;
        moved(layer, gpu, i);
      }
    }
  }
}

/** Whether a slot from `first` on and before `end` holds the expert. */
function holds({ physicalToLogical }: Placement, first: number, end: number, expert: number): boolean {
  for (let i = first; i < end; i++) if (physicalToLogical[i] === expert) return true;
  return false;
}

/**
 * The same placement with every expert that stays on its GPU left in its slot, so that only real moves show. What comes
 * goes into a GPU's first slots that are left; empty ones are its last.
 */
export function keepSlots(previous: Placement, next: Placement): Placement {
  const { layers, topology, physicalToLogical } = next;
  const { slotsPerGpu } = topology;
  const kept = new Int32Array(physicalToLogical.length).fill(-1);
  const homeless = new Int32Array(slotsPerGpu);
  for (let first = 0; first < layers * slotCount(topology); first += slotsPerGpu) {
    let waiting = 0;
    for (let i = first; i < first + slotsPerGpu; i++) {
      const expert = physicalToLogical[i];
      if (expert < 0) continue;
      let slot = first;
      while (slot < first + slotsPerGpu && (previous.physicalToLogical[slot] !== expert || kept[slot] >= 0))
        slot++;
      if (slot < first + slotsPerGpu) kept[slot] = expert;
      else homeless[waiting++] = expert;
    }
    for (let i = first; i < first + slotsPerGpu; i++) {
      if (kept[i] < 0 && waiting > 0) kept[i] = homeless[--waiting];
    }
  }
  return { ...next, physicalToLogical: kept };
}

/** Slots that hold an expert they did not hold before. */
export function changedSlots(before: Placement, after: Placement): number {
  let changed = 0;
  for (let i = 0; i < after.physicalToLogical.length; i++) {
    const expert = after.physicalToLogical[i];
    if (expert >= 0 && expert !== before.physicalToLogical[i]) changed++;
  }
  return changed;
}
