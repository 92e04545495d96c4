/** A rank that reports is silent when nothing came for so many of its own windows. */
const WINDOWS = 3;
/** When more than this part of those that report falls silent, it is their reports that do not arrive. */
const MOST_SILENT_PART = 0.5;

interface Reported {
  readonly atMs: number;
  readonly windowMs: number;
}

/** Which ranks report no more. Pure: time is an argument. */
export class RankWatch {
  readonly #silenceMs: () => number;
  readonly #reported = new Map<number, Reported>();

  /** @param silenceMs the least time without a report that counts as silence, at any time; 0 to notice none */
  constructor(silenceMs: () => number) {
    this.#silenceMs = silenceMs;
  }

  /** @param windowMs of its report: the time to the next */
  reported(rank: number, windowMs: number, nowMs: number): void {
    this.#reported.set(rank, { atMs: nowMs, windowMs });
  }

  /** It is not waited for until it is reported again. */
  forget(rank: number): void {
    this.#reported.delete(rank);
  }

  /** Ranks that have fallen silent; none when most have. */
  silent(nowMs: number): readonly number[] {
    const silenceMs = this.#silenceMs();
    if (silenceMs === 0) return [];
    const ranks = [...this.#reported].filter(
      ([, { atMs, windowMs }]) => nowMs - atMs > Math.max(silenceMs, WINDOWS * windowMs),
    );
    return ranks.length > MOST_SILENT_PART * this.#reported.size ? [] : ranks.map(([rank]) => rank);
  }
}
