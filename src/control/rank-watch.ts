/** A rank that reports is silent when nothing came for so many of its own windows. */
const WINDOWS = 3;
/** When more than this part of those that report falls silent, it is their reports that do not arrive. */
const MOST_SILENT_PART = 0.5;

interface Heard {
  readonly atMs: number;
  readonly windowMs: number;
}

/** Which ranks report no more. Pure: time is an argument. */
export class RankWatch {
  readonly #silenceMs: number;
  readonly #heard = new Map<number, Heard>();

  /** @param silenceMs the least time without a report that counts as silence; 0 to notice none */
  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  /** @param windowMs of its report: the time to the next */
  heard(rank: number, windowMs: number, nowMs: number): void {
    this.#heard.set(rank, { atMs: nowMs, windowMs });
  }

  /** It is not waited for until it is heard again. */
  forget(rank: number): void {
    this.#heard.delete(rank);
  }

  /** Ranks that have fallen silent; none when most have. */
  silent(nowMs: number): readonly number[] {
    if (this.#silenceMs === 0) return [];
    const ranks = [...this.#heard].filter(
      ([, { atMs, windowMs }]) => nowMs - atMs > Math.max(this.#silenceMs, WINDOWS * windowMs),
    );
    return ranks.length > MOST_SILENT_PART * this.#heard.size ? [] : ranks.map(([rank]) => rank);
  }
}
