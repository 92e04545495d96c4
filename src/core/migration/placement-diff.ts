import type { Placement } from "../../model/placement.ts";
import type { SlotChanges, TouchedExperts } from "../../model/placement-change.ts";
import { slotCount } from "../../model/topology.ts";
import { forEachMove } from "./moves.ts";

/** The slots in which two placements of one topology differ. */
export function changedSlotsOf(previous: Placement, next: Placement): SlotChanges {
  const [from, to] = [previous.physicalToLogical, next.physicalToLogical];
  const at: number[] = [];
  for (let i = 0; i < to.length; i++) if (from[i] !== to[i]) at.push(i);
  const travelled = new Uint8Array(to.length);
  forEachMove(previous, next, (_layer, _gpu, i) => {
    travelled[i] = 1;
  });
  return {
    at: Int32Array.from(at),
    before: Int32Array.from(at, (i) => from[i]),
    after: Int32Array.from(at, (i) => to[i]),
    came: Uint8Array.from(at, (i) => travelled[i]),
  };
}

/**
 * The experts of these slots.
 * @param load `[layers][experts]`, relative to an even part; null where none is known
 */
export function touchedBy(
  { at: slots, before, after }: SlotChanges,
  previous: Placement,
  load: readonly (readonly number[])[] | null,
): TouchedExperts {
  const { layers, experts, topology, physicalToLogical } = previous;
  const width = slotCount(topology);
  const touched = new Uint8Array(layers * experts);
  for (let i = 0; i < slots.length; i++) {
    const first = Math.floor(slots[i] / width) * experts;
    if (before[i] >= 0) touched[first + before[i]] = 1;
    if (after[i] >= 0) touched[first + after[i]] = 1;
  }
  const replicas = new Int32Array(layers * experts);
  for (let i = 0; i < physicalToLogical.length; i++) {
    const expert = physicalToLogical[i];
    if (expert >= 0) replicas[Math.floor(i / width) * experts + expert]++;
  }
  const keys: number[] = [];
  for (let key = 0; key < touched.length; key++) if (touched[key] === 1) keys.push(key);
  const at = Int32Array.from(keys);
  const place = new Int32Array(at.length);
  const loads = new Int32Array(at.length);
  let row = -1;
  let sorted = new Float64Array(0);
  for (let i = 0; i < at.length; i++) {
    const layer = Math.floor(at[i] / experts);
    if (layer !== row) {
      row = layer;
      sorted = Float64Array.from(load?.[layer] ?? []).toSorted();
    }
    // A layer without load says nothing.
    if (!(sorted[sorted.length - 1] > 0)) continue;
    const one = load?.[layer]?.[at[i] % experts] ?? 0;
    loads[i] = Math.round(100 * one);
    place[i] = 1 + heavierThan(sorted, one);
  }
  return { at, replicasBefore: at.map((key) => replicas[key]), load: loads, place };
}

/** @param sorted ascending */
function heavierThan(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] > value) high = middle;
    else low = middle + 1;
  }
  return sorted.length - low;
}
