import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { LevelFlow } from "../shares/level-flow.ts";
import { LEAST_COST, type SlotChange, SlotChanges } from "./slot-changes.ts";

/** Changes tried with the flow before any is made. */
const TRIED = Number(process.env.TRIED ?? 16);
/** Changes that have been tried together are made together, while they bring this part of what the best one does. */
const AS_GOOD = 0.6;
/** What a change wastes decides between changes that bring about as much: its guess counts this much. */
const GUESS_WEIGHT = 0.02;

/** A way is given up where this part of the moves that it needs at least, at the rate of its best change, is too many. */
const PATIENCE = Number(process.env.PATIENCE ?? 0.8);

export interface LayerMoves {
  /** `[slots]` */
  readonly row: Int32Array;
  /** Slots that differ from the placement in force. */
  readonly moves: number;
  /** Whether it is under the level: else no change brings it nearer. */
  readonly fits: boolean;
}

/**
 * Brings a layer under a level (GPU load / speed) by few moves: as long as load does not fit, the change that makes most
 * of it fit for each slot moved, by the exact flow. A change that gives a slot back its expert costs less than nothing.
 * @param inForce `[slots]`
 * @param most    slots that may change
 * @returns null where that is too few
 */
export function bringUnder(
  level: number,
  inForce: Int32Array,
  tokens: Float64Array,
  capacity: PoolCapacity,
  most: number,
): LayerMoves | null {
  return new LevelRepair(inForce, tokens, capacity, most).run(level);
}

class LevelRepair {
  readonly #flow: LevelFlow;
  readonly #changes: SlotChanges;
  readonly #most: number;
  readonly #least: number;
  #moves = 0;
  #excess = 0;

  constructor(inForce: Int32Array, tokens: Float64Array, capacity: PoolCapacity, most: number) {
    this.#flow = new LevelFlow(inForce, tokens, capacity);
    this.#changes = new SlotChanges(this.#flow, inForce, tokens, capacity);
    this.#most = most;
    this.#least = 10 * this.#flow.epsilon;
  }

  run(level: number): LayerMoves | null {
    const touched = new Uint8Array(this.#flow.load.length);
    this.#excess = this.#flow.setLevel(level);
    while (this.#excess > this.#least) {
      const tried = this.#try(this.#changes.find().slice(0, TRIED));
      if (tried.length === 0) break;
      // What is left takes more moves for as much, not fewer.
      if (this.#moves + PATIENCE * (this.#excess / tried[0].value) > this.#most) return null;
      const least = AS_GOOD * tried[0].value;
      touched.fill(0);
      for (const { change, value } of tried) {
        if (value < least || this.#excess <= this.#least) break;
        // Other changes were tried without those that have been made.
        if (change.slots.some((slot) => touched[this.#flow.gpuOf[slot]] === 1)) continue;
        if (change !== tried[0].change && this.#value(change) < least) continue;
        this.#make(change);
        for (const slot of change.slots) touched[this.#flow.gpuOf[slot]] = 1;
      }
    }
    return { row: this.#flow.row, moves: this.#moves, fits: this.#excess <= this.#least };
  }

  /** Those that are of use, the best first. */
  #try(changes: readonly SlotChange[]): { readonly change: SlotChange; readonly value: number }[] {
    this.#flow.save();
    return changes
      .map((change) => ({ change, value: this.#value(change) }))
      .filter(({ value }) => value > 0)
      .toSorted((a, b) => b.value - a.value);
  }

  /** How much more of the load fits for each move; 0 where none does, or the moves are too many. */
  #value(change: SlotChange): number {
    const flow = this.#flow;
    const cost = this.#changes.costOf(change);
    if (this.#moves + cost > this.#most) return 0;
    const undo = change.slots.map((slot) => flow.row[slot]);
    put(flow, change.slots, change.experts);
    // Another change may have taken what this one counted on.
    const keepsAll = undo.every((expert) => expert < 0 || flow.replicas[expert] > 0);
    const gain = keepsAll ? this.#excess - flow.settle() : 0;
    put(flow, change.slots, undo);
    flow.restore();
    return gain <= this.#least ? 0 : (gain + GUESS_WEIGHT * change.guess) / Math.max(LEAST_COST, cost);
  }

  #make(change: SlotChange): void {
    this.#moves += this.#changes.costOf(change);
    put(this.#flow, change.slots, change.experts);
    this.#excess = this.#flow.settle();
    this.#flow.save();
  }
}

function put(flow: LevelFlow, slots: readonly number[], experts: readonly number[]): void {
  for (const [i, slot] of slots.entries()) flow.put(slot, experts[i]);
}
