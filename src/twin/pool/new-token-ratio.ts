/** Of `environ.py`; data-parallel attention makes it 0.3 of what it is elsewhere (`arg_groups/parallel_hook.py`). */
const FIRST = 0.7 * 0.3;
const LEAST = 0.14 * FIRST;
const STEPS = 600;
/** Tokens that each request that stays is taken to make before the next has to go. */
export const TOKENS_AHEAD = 20;

/**
 * The part of the tokens still to be made that SGLang keeps room for beside a new request. It falls while answers go on,
 * and rises when one had to give up its cache.
 * SGLang 0.5.23, `NewTokenRatioTracker` (`managers/scheduler_components/new_token_ratio_tracker.py`).
 */
export class NewTokenRatio {
  #ratio = FIRST;

  get ratio(): number {
    return this.#ratio;
  }

  /** As at the start: nothing runs any more. */
  reset(): void {
    this.#ratio = FIRST;
  }

  /** A step of answers had room. */
  fall(): void {
    this.#ratio = Math.max(LEAST, this.#ratio - (FIRST - LEAST) / STEPS);
  }

  /** @param made of the `requests` that stay, in all, of `most` that they make */
  retracted(requests: number, made: number, most: number): void {
    this.#ratio = Math.min(1, (made + TOKENS_AHEAD * requests) / (most + 1));
  }
}
