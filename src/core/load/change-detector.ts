/** Half-life of what the detector takes for ordinary, in values: a change becomes ordinary in turn. */
const HALF_LIFE = 64;
/** Values before the first alarm is possible. */
const LEAST_HISTORY = 16;
/** A single value counts at most so many deviations: no outlier raises an alarm alone. */
const MOST = 3;
/** Page's cumulative sum: deviations a value is forgiven, and what may add up. */
const SLACK = 0.5;
const LIMIT = 5;

/**
 * Finds the point from which a series runs higher than it did: a one-sided cumulative sum (Page, 1954) over
 * standardised values. Mean, deviation and serial correlation are those of the recent past; what each value
 * inherits from the one before is taken off first.
 * A steady series of normal values raises a false alarm once in about 930 values (Siegmund's approximation).
 */
export class ChangeDetector {
  #count = 0;
  #mean = 0;
  #variance = 0;
  #covariance = 0;
  #residual = 0;
  #sum = 0;

  /** @returns whether the series is now known to have changed; the sum begins anew then */
  push(value: number): boolean {
    const residual = value - this.#mean;
    if (this.#count >= LEAST_HISTORY && this.#variance > 0) {
      const inherited = Math.min(0.98, Math.max(0, this.#covariance / this.#variance));
      const deviation = Math.sqrt(this.#variance * (1 - inherited * inherited));
      const surprise = (residual - inherited * this.#residual) / deviation;
      this.#sum = Math.max(0, this.#sum + Math.min(surprise, MOST) - SLACK);
    }
    const gain = Math.max(1 / (this.#count + 1), 1 - 2 ** (-1 / HALF_LIFE));
    this.#count++;
    this.#variance = (1 - gain) * (this.#variance + gain * residual * residual);
    this.#covariance = (1 - gain) * this.#covariance + gain * residual * this.#residual;
    this.#mean += gain * residual;
    this.#residual = (1 - gain) * residual;
    if (this.#sum <= LIMIT) return false;
    this.#sum = 0;
    return true;
  }

  /** Whether nothing has added up: the series is as it was. */
  get quiet(): boolean {
    return this.#sum === 0;
  }
}
