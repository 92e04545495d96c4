/** Means are looked up in steps of 1/64, chances in 1,024 equal parts. */
const MEANS = 64;
const PARTS = 1024;
/** Of smaller means the rows are too far apart, and most counts are 0. */
const LEAST = 1 / 4;
const ROUNDING = 1e-12;
/** Counts of a mean below the table's last end well before it. */
const MOST = 64;

/** Poisson variates of small means, looked up: each takes one number of 32 bits. */
export class PoissonTable {
  /** `[means][parts]` */
  readonly #counts: Uint8Array;

  /** @param most no mean is larger */
  constructor(most: number) {
    this.#counts = new Uint8Array((most * MEANS + 1) * PARTS);
    for (let row = 0; row <= most * MEANS; row++) {
      let [count, chance] = [0, Math.exp(-row / MEANS)];
      let upTo = chance;
      for (let part = 0; part < PARTS; ) {
        // Parts whose middle it comes to.
        let end = count === MOST ? PARTS : part;
        while (end < PARTS && upTo >= (end + 1 / 2) / PARTS) end++;
        this.#counts.fill(count, row * PARTS + part, row * PARTS + end);
        part = end;
        count++;
        chance *= row / MEANS / count;
        upTo += chance;
      }
    }
  }

  /**
   * A mean between two rows takes one of them, as often as keeps it what it is. The last part has the whole tail: there
   * the variate is worked out.
   * @param bits 32 random ones
   */
  count(mean: number, bits: number): number {
    if (mean < LEAST) return inverted(mean, bits / 0x1_0000_0000);
    const part = bits & (PARTS - 1);
    const row = Math.floor(mean * MEANS + (bits >>> 21) / 0x800);
    if (part < PARTS - 1) return this.#counts[row * PARTS + part];
    return inverted(row / MEANS, (part + ((bits >>> 10) & 0x7ff) / 0x800) / PARTS);
  }
}

/** By inversion. @param u 0..1 */
function inverted(mean: number, u: number): number {
  // e^−mean is no less than 1 − mean, beyond rounding: most small means need no exponential.
  if (u < 1 - mean - ROUNDING) return 0;
  let chance = Math.exp(-mean);
  let left = u;
  let count = 0;
  while (left > chance && count < MOST) {
    left -= chance;
    count++;
    chance *= mean / count;
  }
  return count;
}
