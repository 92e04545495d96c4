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
  const { experts, topology } = previous;
  const width = slotCount(topology);
  const replicas = new Map<number, number>();
  const layers = new Set<number>();
  for (let i = 0; i < slots.length; i++) {
    const layer = Math.floor(slots[i] / width);
    layers.add(layer);
    if (before[i] >= 0) replicas.set(layer * experts + before[i], 0);
    if (after[i] >= 0) replicas.set(layer * experts + after[i], 0);
  }
  for (const layer of layers) {
    for (let i = layer * width; i < (layer + 1) * width; i++) {
      const key = layer * experts + previous.physicalToLogical[i];
      const count = replicas.get(key);
      if (previous.physicalToLogical[i] >= 0 && count !== undefined) replicas.set(key, count + 1);
    }
  }
  const at = Int32Array.from(replicas.keys()).toSorted();
  const places = placesOf(load, layers);
  return {
    at,
    replicasBefore: Int32Array.from(at, (key) => replicas.get(key) ?? 0),
    load: Int32Array.from(at, (key) =>
      Math.round(100 * (load?.[Math.floor(key / experts)]?.[key % experts] ?? 0)),
    ),
    place: Int32Array.from(at, (key) => places.get(Math.floor(key / experts))?.[key % experts] ?? 0),
  };
}

/** Of some layers, the place of each expert by its load, from 1; nothing of layers without load. */
function placesOf(
  load: readonly (readonly number[])[] | null,
  layers: Iterable<number>,
): ReadonlyMap<number, Int32Array> {
  const places = new Map<number, Int32Array>();
  for (const layer of layers) {
    const row = load?.[layer];
    if (row === undefined || !row.some((one) => one > 0)) continue;
    const order = [...row.keys()].toSorted((a, b) => row[b] - row[a]);
    const place = new Int32Array(row.length);
    for (let i = 0; i < order.length; i++) place[order[i]] = i + 1;
    places.set(layer, place);
  }
  return places;
}
