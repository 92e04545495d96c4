import { LEAST_SAVED } from "./least-saved.ts";

/**
 * What a pool has forgone of a gain that lasts, since its moves lose more until placements come round again: once that is
 * as much as they lose, they are made. So it never loses more than twice what it would, had it known how long the gain
 * would last (the ski-rental rule).
 */
export class Forgone {
  /** Parts of the tokens, times ms. */
  #sum = 0;
  #missing = 0;
  #sinceMs = 0;

  /** @returns how much that is by now: parts of the tokens, times ms */
  by(nowMs: number): number {
    this.#sum += this.#missing * Math.max(0, nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    return this.#sum;
  }

  /** @param missing what is forgone from now on, a part of the tokens */
  goOn(missing: number): void {
    this.#missing = missing < LEAST_SAVED ? 0 : missing;
    if (this.#missing === 0) this.#sum = 0;
  }
}
