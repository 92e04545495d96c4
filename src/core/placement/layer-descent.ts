import { type Placement, indexReplicas } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import { solveShares } from "../shares/solve-shares.ts";
import { LayerImprover, type LayerMoves } from "./improve-layer.ts";
import { LEAST_COST } from "./slot-changes.ts";

/** A layer whose maximum is this near its bound is left as it is. */
const CLOSE_ENOUGH = 0.001;
/** Lowering a layer's maximum by less than this part of it is not worth a moved slot. */
const LEAST_GAIN_PER_MOVE = 0.00003;
/** A step leaves this part of the way down to the bound, and this of one that is short already. */
const STEP = 0.5;
const LAST_STEP = 0.25;
/** A way down is short that is this part of the bound. */
const SHORT = 0.05;
/** Steps that may fail before a layer stays where it is. */
const FAILURES = 3;

interface Step extends LayerMoves {
  readonly optimum: number;
}

/** A layer on its way down from the placement in force. Each step begins there anew: it needs fewer moves than one step after another. */
export class LayerDescent {
  readonly #inForce: Placement;
  readonly #tokens: Float64Array;
  readonly #capacity: PoolCapacity;
  readonly #floor: number;
  #improver: LayerImprover | null = null;
  #now: Step;
  #failures = 0;
  /** The lowest level that is not known to be out of reach. */
  #low: number;
  /** What is next, once it is known. */
  step: Step | null = null;
  /** What is taken off the maximum for each move: of the step, else as far as the last one tells. 0: nothing more comes. */
  promise: number;

  /** @param inForce one layer */
  constructor(inForce: Placement, tokens: Float64Array, capacity: PoolCapacity, bound: number) {
    this.#inForce = inForce;
    this.#tokens = tokens;
    this.#capacity = capacity;
    this.#floor = bound * (1 + CLOSE_ENOUGH);
    this.#low = this.#floor;
    const row = Int32Array.from(inForce.physicalToLogical as ArrayLike<number>);
    this.#now = { row, moves: 0, fits: true, optimum: this.#optimumOf(row) };
    this.promise = this.#now.optimum > this.#floor ? Number.POSITIVE_INFINITY : 0;
  }

  get row(): Int32Array {
    return this.#now.row;
  }

  /** Finds the next step down. @param left moves */
  lookAhead(left: number): void {
    const { optimum, moves } = this.#now;
    const gap = optimum - this.#low;
    const level = this.#low + gap * (gap > SHORT * this.#low ? STEP : LAST_STEP);
    const worth = Math.floor((optimum - level) / (LEAST_GAIN_PER_MOVE * optimum));
    const most = moves + Math.min(left, worth);
    this.#improver ??= new LayerImprover(
      this.#inForce.physicalToLogical as Int32Array,
      this.#tokens,
      this.#capacity,
    );
    const next = this.#improver.bringUnder(level, most);
    if (next === null || !next.fits) this.#fail(level);
    if (next === null) return;
    const reached = this.#optimumOf(next.row);
    const gain = optimum - reached;
    if (!next.fits && gain < LEAST_GAIN_PER_MOVE * optimum) return;
    this.step = { ...next, optimum: reached };
    this.promise = gain / Math.max(LEAST_COST, this.step.moves - moves);
    if (this.promise < LEAST_GAIN_PER_MOVE * optimum) this.promise = 0;
  }

  /** Goes down the step where that takes no more than the moves left. @returns the moves it took */
  take(left: number): number {
    if (this.step === null) return 0;
    const moves = this.step.moves - this.#now.moves;
    if (moves > left) {
      this.#fail(this.step.optimum);
      return 0;
    }
    this.#now = this.step;
    this.step = null;
    if (this.#now.optimum <= this.#floor || this.#failures >= FAILURES) this.promise = 0;
    return moves;
  }

  #fail(level: number): void {
    this.step = null;
    this.#low = level;
    if (++this.#failures >= FAILURES) this.promise = 0;
  }

  #optimumOf(row: Int32Array): number {
    const placement = { ...this.#inForce, physicalToLogical: row };
    const load = { layers: 1, experts: this.#tokens.length, tokens: this.#tokens };
    return solveShares(placement, indexReplicas(placement), load, this.#capacity.speeds).optimum[0];
  }
}
