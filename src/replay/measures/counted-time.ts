/** From when to when what happens counts, milliseconds since the replay began. */
export interface CountedTime {
  /** Null: from the start of the first request that is no warm-up. */
  readonly fromMs: number | null;
  /** When the last request starts, where time bounds the load; else null. */
  readonly toMs: number | null;
}

/** What happened while requests that count were started, whichever requests it was of. */
export interface WindowSummary {
  readonly seconds: number;
  readonly completed: number;
  readonly outputTokens: number;
}

/** The time that counts, as far as it is known. */
export class CountedWindow {
  #fromMs: number | null;
  readonly #fromIsGiven: boolean;
  readonly #toMs: number | null;
  #completed = 0;

  constructor({ fromMs, toMs }: CountedTime = { fromMs: 0, toMs: null }) {
    this.#fromMs = fromMs;
    this.#fromIsGiven = fromMs !== null;
    this.#toMs = toMs;
  }

  get fromMs(): number | null {
    return this.#fromMs;
  }

  /** A request that is no warm-up starts. */
  started(scheduledMs: number): void {
    if (!this.#fromIsGiven) this.#fromMs = Math.min(this.#fromMs ?? scheduledMs, scheduledMs);
  }

  completed(endedMs: number): void {
    if (this.#toMs !== null && this.counts(endedMs) && endedMs < this.#toMs) this.#completed++;
  }

  /** Whether what happens now counts. */
  counts(nowMs: number): boolean {
    return this.#fromMs !== null && nowMs >= this.#fromMs;
  }

  /** Null where no time bounds it. @param tokensBetween counts the tokens that came from one time to another */
  summary(tokensBetween: (fromMs: number, toMs: number) => number): WindowSummary | null {
    if (this.#toMs === null || this.#fromMs === null) return null;
    return {
      seconds: (this.#toMs - this.#fromMs) / 1000,
      completed: this.#completed,
      outputTokens: tokensBetween(this.#fromMs, this.#toMs),
    };
  }
}
