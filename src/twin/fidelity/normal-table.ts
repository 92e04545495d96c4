import type { Rng } from "../../lib/rng.ts";
import { PoissonTable } from "./poisson-table.ts";

const SIZE = 1 << 14;
/** Below this mean a count is a Poisson variate, above it is taken as normal. */
const FEW = 12;

/** Draws counts, many at a time and cheaply: normal deviates come from a table, read on from a place drawn once a layer. */
export class NormalTable {
  readonly #rng: Rng;
  readonly #normals: Float64Array;
  readonly #few = new PoissonTable(FEW);
  #at = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
    this.#normals = Float64Array.from({ length: SIZE }, () => rng.normal());
  }

  /** Goes on reading at another place. */
  shuffle(): void {
    this.#at = this.#rng.below(SIZE);
  }

  /** A count for each mean above 0, in place. @param variance `[means]` */
  countAll(means: Float64Array, variance: Float64Array): void {
    for (let i = 0; i < means.length; i++) if (means[i] > 0) means[i] = this.count(means[i], variance[i]);
  }

  /** A whole number of the given mean; its variance is `variance` where the mean is large, else the mean. */
  count(mean: number, variance: number): number {
    if (mean >= FEW) {
      this.#at = this.#at + 1 === SIZE ? 0 : this.#at + 1;
      return Math.max(0, Math.round(mean + Math.sqrt(variance) * this.#normals[this.#at]));
    }
    return this.#few.count(mean, this.#rng.uint32());
  }
}
