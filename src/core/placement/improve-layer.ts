import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { LevelFlow } from "../shares/level-flow.ts";
import { LEAST_COST, type SlotChange, SlotChanges } from "./slot-changes.ts";

/** Changes tried with the flow before any is made. */
const TRIED = 16;
/** Changes that have been tried together are made together, while they bring this part of what the best one does. */
const AS_GOOD = 0.6;
/** What a change wastes decides between changes that bring about as much: its guess counts this much. */
const GUESS_WEIGHT = 0.02;
/** A way is given up where this part of the moves that it needs at least, at the rate of its best change, is too many. */
const PATIENCE = 0.8;

/** A layer after some moves. */
export interface LayerMoves {
  /** `[slots]` */
  readonly row: Int32Array;
  /** Slots that differ from the placement in force. */
  readonly moves: number;
  /** Whether it is under the level: else no change brings it nearer. */
  readonly fits: boolean;
}

interface Tried {
  readonly change: SlotChange;
  readonly value: number;
}

/** Brings a layer under a level (GPU load / speed) by few moves from the placement in force. */
export class LayerImprover {
  readonly #inForce: Int32Array;
  readonly #flow: LevelFlow;
  readonly #changes: SlotChanges;
  /** Load that counts as none. */
  readonly #least: number;
  #most = 0;
  #moves = 0;
  #excess = 0;
  /** Of the excess, what the change tried last would leave. */
  #left = 0;

  /** @param inForce `[slots]` */
  constructor(inForce: Int32Array, tokens: Float64Array, capacity: PoolCapacity) {
    this.#inForce = inForce;
    this.#flow = new LevelFlow(inForce, tokens, capacity);
    this.#changes = new SlotChanges(this.#flow, inForce, tokens, capacity);
    this.#least = 10 * this.#flow.epsilon;
  }

  /**
   * As long as load does not fit under the level, makes the change that lets most of it fit for each slot moved, by the
   * exact flow. A change that gives a slot back its expert costs less than nothing.
   * @param most slots that may change
   * @returns null where that is too few
   */
  bringUnder(level: number, most: number): LayerMoves | null {
    const flow = this.#flow;
    const touched = new Uint8Array(flow.load.length);
    for (const [slot, expert] of this.#inForce.entries()) flow.put(slot, expert);
    this.#most = most;
    this.#moves = 0;
    this.#excess = flow.setLevel(level);
    while (this.#excess > this.#least) {
      const tried = this.#try(this.#changes.find().slice(0, TRIED));
      if (tried.length === 0) break;
      // What is left takes more moves for as much, not fewer.
      if (this.#moves + PATIENCE * (this.#excess / tried[0].value) > most) return null;
      const least = AS_GOOD * tried[0].value;
      touched.fill(0);
      for (const { change, value } of tried) {
        if (value < least || this.#excess <= this.#least) break;
        // Other changes were tried without those that have been made.
        if (change.slots.some((slot) => touched[flow.gpuOf[slot]] === 1)) continue;
        if (change !== tried[0].change && this.#value(change) < least) continue;
        this.#make(change);
        for (const slot of change.slots) touched[flow.gpuOf[slot]] = 1;
      }
    }
    return { row: flow.row.slice(), moves: this.#moves, fits: this.#excess <= this.#least };
  }

  /** Those that are of use, the best first. */
  #try(changes: readonly SlotChange[]): Tried[] {
    this.#flow.save();
    const tried: Tried[] = [];
    let best = 0;
    let solved = false;
    for (const change of changes) {
      if (change.guess < (solved ? best : AS_GOOD * best)) break;
      const value = this.#value(change);
      if (value <= 0) continue;
      tried.push({ change, value });
      if (value > best) {
        best = value;
        solved = this.#left <= this.#least;
      }
    }
    return tried.sort((a, b) => b.value - a.value);
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
    this.#left = keepsAll ? flow.settle() : this.#excess;
    const gain = this.#excess - this.#left;
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
