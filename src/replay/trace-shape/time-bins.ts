/** What came in a part of a trace. */
export interface TimeBin {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  /** Prompt tokens whose text an endless cache would hold by then, from the prompt's begin on. */
  cachedTokens: number;
}

const FIRST_WIDTH_MS = 100;
const MOST_BINS = 512;

/** A trace by equal parts of its time, of which there are never more than a fixed number: they get wider. */
export class TimeBins {
  #widthMs = FIRST_WIDTH_MS;
  #bins: TimeBin[] = [];

  /** The part of that time; times never go back. */
  at(ms: number): TimeBin {
    while (ms >= this.#widthMs * MOST_BINS) this.#widen();
    const index = Math.floor(ms / this.#widthMs);
    while (this.#bins.length <= index) this.#bins.push(emptyBin());
    return this.#bins[index];
  }

  get widthMs(): number {
    return this.#widthMs;
  }

  get bins(): readonly TimeBin[] {
    return this.#bins;
  }

  #widen(): void {
    this.#widthMs *= 2;
    this.#bins = joined(this.#bins, 2);
  }
}

/** @returns each `count` of them as one */
export function joined(bins: readonly TimeBin[], count: number): TimeBin[] {
  const wide: TimeBin[] = [];
  for (const [i, bin] of bins.entries()) {
    if (i % count === 0) wide.push(emptyBin());
    const to = wide[wide.length - 1];
    to.requests += bin.requests;
    to.inputTokens += bin.inputTokens;
    to.outputTokens += bin.outputTokens;
    to.cachedTokens += bin.cachedTokens;
  }
  return wide;
}

function emptyBin(): TimeBin {
  return { requests: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
}
