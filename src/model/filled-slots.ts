import { type Placement, indexReplicas } from "./placement.ts";
import { gpuCount, slotCount } from "./topology.ts";

/** A placement whose every slot holds an expert. */
export interface FilledPlacement {
  readonly placement: Placement;
  /** Slots that were empty. */
  readonly filled: number;
  /** Those of them whose replica takes tokens of other GPUs, where an engine spreads them evenly. */
  readonly drawing: number;
}

const NONE: ReadonlySet<number> = new Set();

/**
 * Fills empty slots for engines that know none. An empty slot gets another replica of an expert that its GPU alone
 * holds: however tokens are spread over replicas, the GPU gets what it got. Where there is none, or one GPU may not hold
 * an expert twice, it gets the expert with the most replicas among those that the GPU does not hold.
 * @param twice whether a GPU may hold an expert twice
 * @returns null where a GPU has nothing to hold that it does not hold already
 */
export function fillSlots(placement: Placement, twice: boolean): FilledPlacement | null {
  const { layers, experts, topology, physicalToLogical } = placement;
  const { slotsPerGpu } = topology;
  const width = slotCount(topology);
  const map = Int32Array.from({ length: layers * width }, (_, i) => physicalToLogical[i]);
  const { offsets } = indexReplicas(placement);
  let filled = 0;
  let drawing = 0;
  for (let layer = 0; layer < layers; layer++) {
    const replicas = Int32Array.from({ length: experts }, (_, e) => {
      const at = layer * experts + e;
      return offsets[at + 1] - offsets[at];
    });
    for (let gpu = 0; gpu < gpuCount(topology); gpu++) {
      const slots = map.subarray(layer * width + gpu * slotsPerGpu, layer * width + (gpu + 1) * slotsPerGpu);
      const held = new Set(slots);
      held.delete(-1);
      const own = twice ? [...held].find((expert) => replicas[expert] === count(slots, expert)) : undefined;
      for (let slot = slots.indexOf(-1); slot >= 0; slot = slots.indexOf(-1)) {
        const expert = own ?? mostReplicated(replicas, twice && held.size === experts ? NONE : held);
        if (expert < 0) return null;
        slots[slot] = expert;
        held.add(expert);
        replicas[expert]++;
        filled++;
        if (own === undefined) drawing++;
      }
    }
  }
  return { placement: { ...placement, physicalToLogical: map }, filled, drawing };
}

/** The first place where a GPU holds an expert twice; null where none does. */
export function heldTwice({ layers, topology, physicalToLogical }: Placement): {
  readonly row: number;
  readonly gpu: number;
  readonly expert: number;
} | null {
  const { slotsPerGpu } = topology;
  const gpus = gpuCount(topology);
  for (let box = 0; box < layers * gpus; box++) {
    const seen = new Set<number>();
    for (let slot = box * slotsPerGpu; slot < (box + 1) * slotsPerGpu; slot++) {
      const expert = physicalToLogical[slot];
      if (seen.has(expert)) return { row: Math.floor(box / gpus), gpu: box % gpus, expert };
      if (expert >= 0) seen.add(expert);
    }
  }
  return null;
}

function count(slots: Int32Array, expert: number): number {
  return slots.reduce((sum, held) => sum + (held === expert ? 1 : 0), 0);
}

/** −1 where all are held. */
function mostReplicated(replicas: Int32Array, held: ReadonlySet<number>): number {
  let best = -1;
  for (let expert = 0; expert < replicas.length; expert++) {
    if (!held.has(expert) && (best < 0 || replicas[expert] > replicas[best])) best = expert;
  }
  return best;
}
