import type { Rng } from "../lib/rng.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type RoutingSource, routedRows } from "./routing-source.ts";

/** Tokens drawn from a window: enough to fill a planner's sample within a minute at one window a second. */
const SIZE = 64;

/**
 * Draws a few of a window's tokens, each with the same chance: reservoir sampling that skips from one token it takes
 * to the next (Li's Algorithm L, 1994), so that the others cost nothing.
 */
export class TokenDraw {
  readonly #rng: Rng;
  /** `[size]`: rows of the routing source. */
  readonly #rows: Int32Array;
  #seen = 0;
  #next = 0;
  #threshold = 1;

  constructor(rng: Rng, size = SIZE) {
    this.#rng = rng;
    this.#rows = new Int32Array(size);
  }

  /** @param rows the first `tokens` are those of a step */
  offer(rows: Int32Array, tokens: number): void {
    const size = this.#rows.length;
    const end = this.#seen + tokens;
    while (this.#next < end) {
      const row = rows[this.#next - this.#seen];
      if (this.#next < size) this.#rows[this.#next] = row;
      else this.#rows[this.#rng.below(size)] = row;
      this.#next += this.#next < size - 1 ? 1 : this.#skip();
    }
    this.#seen = end;
  }

  /** The tokens drawn, with all their choices; draws anew from here on. */
  take(routing: RoutingSource, layers: number): RoutingTrace {
    const tokens = Math.min(this.#seen, this.#rows.length);
    const drawn = routedRows(routing, this.#rows.subarray(0, tokens), layers);
    this.#seen = 0;
    this.#next = 0;
    this.#threshold = 1;
    return drawn;
  }

  /** How far it is to the next token that is taken, once as many were taken as are wanted. */
  #skip(): number {
    const uniform = () => 1 - this.#rng.uniform();
    this.#threshold *= uniform() ** (1 / this.#rows.length);
    return 1 + Math.floor(Math.log(uniform()) / Math.log1p(-this.#threshold));
  }
}
