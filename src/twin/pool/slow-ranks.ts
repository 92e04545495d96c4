import type { Rank } from "./rank.ts";
import type { StepWork } from "./step-work.ts";

/**
 * Ranks whose hosts keep up with one forward pass of several: in the others they have nothing to forward, as a rank that
 * is idle, and nobody waits for them. (A GPU that is slow itself would hold up every rank, for all meet in each layer.)
 */
export class SlowRanks {
  /** `[ranks]`: a rank takes part in one pass of so many. */
  readonly #factors: Int32Array;
  #most = 1;
  #passes = 0;

  constructor(ranks: number) {
    this.#factors = new Int32Array(ranks).fill(1);
  }

  /** @param factor a whole number ≥ 1 */
  set(rank: number, factor: number): void {
    this.#factors[rank] = factor;
    this.#most = this.#factors.reduce((most, one) => Math.max(most, one), 1);
  }

  /**
   * Puts the next forward pass together. Where only slow ranks have something, it waits for the first of them.
   * @returns the passes that went by, this one included; ≥ 1
   */
  compose(ranks: readonly Rank[], work: StepWork): number {
    for (let turns = 1; ; turns++) {
      this.#passes++;
      work.begin();
      for (let rank = 0; rank < ranks.length; rank++) {
        work.beginRank(rank);
        if (this.#passes % this.#factors[rank] === 0) ranks[rank].compose(work);
        work.endRank();
      }
      if (work.size > 0 || turns >= this.#most) return turns;
    }
  }
}
