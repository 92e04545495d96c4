import type { DispatchTable } from "../../model/dispatch-table.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import { slotCount } from "../../model/topology.ts";
import { entryOfTurn, firstTurn, writeTurns } from "./entry-order.ts";

/**
 * The entries of one rank, in the order in which vLLM's kernel takes the slots in turn. Where their number is no power
 * of two, its hash skips entries, and they stand in turn, as they do for an engine that takes token mod entries.
 *
 * @param counts `[layers][slots]` of the rank (entryCounts), or of all ranks alike (sameEntryCounts)
 * @param rank   which turn comes first
 */
export function dispatchTable(
  { layers, experts, topology }: Placement,
  { offsets, slots: replicas }: ReplicaIndex,
  counts: Uint16Array,
  entries: number,
  rank: number,
): DispatchTable {
  const width = slotCount(topology);
  const slots = new Int32Array(layers * experts * entries).fill(-1);
  const first = firstTurn(rank, entries);
  const isHashed = (entries & (entries - 1)) === 0;
  const turns = new Int32Array(entries);
  const owed = new Int32Array(width);
  const ofSlots = new Uint16Array(width);
  for (let row = 0; row < layers * experts; row++) {
    const held = replicas.subarray(offsets[row], offsets[row + 1]);
    if (held.length === 0) continue;
    const base = Math.floor(row / experts) * width;
    for (let i = 0; i < held.length; i++) ofSlots[i] = counts[base + held[i]];
    writeTurns(held, ofSlots, first, owed, turns);
    for (let turn = 0; turn < entries; turn++) {
      slots[row * entries + (isHashed ? entryOfTurn(turn, entries) : turn)] = turns[turn];
    }
  }
  return { layers, experts, entries, slots };
}
