/** The fullest of all windows of a width, which follow each other from the trace's begin. */
export interface PeakWindow {
  readonly seconds: number;
  readonly requests: number;
  /** Over the mean of all windows. */
  readonly peakToMean: number;
}

export interface BurstinessFigures {
  /** Standard deviation of the gaps between requests over their mean: 1 where they are independent. Null below two gaps. */
  readonly gapCv: number | null;
  /** Of windows that the trace is at least two of. */
  readonly peaks: readonly PeakWindow[];
}

const WINDOWS_SECONDS = [1, 10, 60, 600];

interface Window {
  readonly seconds: number;
  index: number;
  count: number;
  most: number;
}

/** How unevenly requests come. */
export class Burstiness {
  #requests = 0;
  #lastMs = 0;
  /** Welford's sums of the gaps. */
  #gaps = 0;
  #mean = 0;
  #squares = 0;
  readonly #windows: readonly Window[] = WINDOWS_SECONDS.map((seconds) => ({
    seconds,
    index: 0,
    count: 0,
    most: 0,
  }));

  /** @param arrivalMs never goes back */
  add(arrivalMs: number): void {
    if (this.#requests > 0) this.#addGap(arrivalMs - this.#lastMs);
    this.#requests++;
    this.#lastMs = arrivalMs;
    for (const window of this.#windows) {
      const index = Math.floor(arrivalMs / (window.seconds * 1000));
      if (index !== window.index) window.count = 0;
      window.index = index;
      window.count++;
      window.most = Math.max(window.most, window.count);
    }
  }

  figures(): BurstinessFigures {
    const gapCv =
      this.#gaps < 2 || this.#mean === 0 ? null : Math.sqrt(this.#squares / this.#gaps) / this.#mean;
    const seconds = this.#lastMs / 1000;
    const peaks = this.#windows
      .filter((window) => seconds >= 2 * window.seconds)
      .map((window) => ({
        seconds: window.seconds,
        requests: window.most,
        peakToMean: window.most / ((this.#requests * window.seconds) / seconds),
      }));
    return { gapCv, peaks };
  }

  #addGap(gap: number): void {
    this.#gaps++;
    const from = gap - this.#mean;
    this.#mean += from / this.#gaps;
    this.#squares += from * (gap - this.#mean);
  }
}
