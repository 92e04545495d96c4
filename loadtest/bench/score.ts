import type { ReadonlyNumbers } from "../../src/lib/readonly-arrays.ts";

/** Balancedness over layers and loads, and that of the worst layer of any. */
export class Score {
  #mean = 0;
  #max = 0;
  worst = 1;

  /** @param loads `[layers][gpus]` */
  add(loads: ReadonlyNumbers, gpus: number): void {
    for (let row = 0; row < loads.length; row += gpus) {
      let max = 0;
      let sum = 0;
      for (let gpu = 0; gpu < gpus; gpu++) {
        sum += loads[row + gpu];
        max = Math.max(max, loads[row + gpu]);
      }
      if (max === 0) continue;
      this.#mean += sum / gpus;
      this.#max += max;
      this.worst = Math.min(this.worst, sum / gpus / max);
    }
  }

  get balancedness(): number {
    return this.#max === 0 ? 1 : this.#mean / this.#max;
  }
}
