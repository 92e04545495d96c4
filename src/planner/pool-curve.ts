import type { OpenPoint, OpenPool } from "./pool-steps.ts";

/** Loads that are worked out are powers of this, from the least on; between them all is interpolated. */
const GRID = 1.15;
const LEAST = 1e-3;
/** Up to forty million times the least. */
const LOADS = 128;
/** From the last load of the grid that a pool keeps up with to the very last, to a hundredth. */
const END_HALVINGS = 4;
/** Between two loads of the grid, to less than a thousandth. */
const HALVINGS = 8;

/** A pool's points over its loads, each worked out once. */
export class PoolCurve {
  readonly #pool: OpenPool;
  readonly #points: (OpenPoint | null | undefined)[] = [];
  /** Of the grid, how many it keeps up with; and the very last one. */
  readonly #count: number;
  readonly #end: OpenPoint | null;

  constructor(pool: OpenPool) {
    this.#pool = pool;
    this.#count = firstOf(LOADS, (index) => this.#grid(index) === null);
    this.#end = this.#count === 0 || this.#count === LOADS ? null : this.#last(this.#count - 1);
  }

  /** What it does at a rate; null where it cannot keep up. */
  atRate(rate: number): OpenPoint | null {
    const above = firstOf(this.#size, (index) => this.#point(index).rate >= rate);
    if (above === this.#size) return null;
    const high = this.#point(above);
    // Below the least load times are as there.
    if (above === 0) return { ...high, rate, batch: (high.batch * rate) / high.rate };
    const low = this.#point(above - 1);
    return between(low, high, (rate - low.rate) / (high.rate - low.rate));
  }

  /** The highest load at which something holds that holds below; null where it does at none. */
  largest(holds: (point: OpenPoint) => boolean): OpenPoint | null {
    const above = firstOf(this.#size, (index) => !holds(this.#point(index)));
    if (above === 0) return null;
    const low = this.#point(above - 1);
    if (above === this.#size) return low;
    const high = this.#point(above);
    let [kept, lost] = [0, 1];
    for (let i = 0; i < HALVINGS; i++) {
      const middle = (kept + lost) / 2;
      if (holds(between(low, high, middle))) kept = middle;
      else lost = middle;
    }
    return between(low, high, kept);
  }

  get #size(): number {
    return this.#count + (this.#end === null ? 0 : 1);
  }

  #point(index: number): OpenPoint {
    const point = index < this.#count ? this.#grid(index) : this.#end;
    if (point === null) throw new Error(`no point ${index} of ${this.#size}`);
    return point;
  }

  #grid(index: number): OpenPoint | null {
    const known = this.#points[index];
    if (known !== undefined) return known;
    const made = this.#pool.at(LEAST * GRID ** index);
    this.#points[index] = made;
    return made;
  }

  #last(index: number): OpenPoint | null {
    let best: OpenPoint | null = null;
    let [low, high] = [LEAST * GRID ** index, LEAST * GRID ** (index + 1)];
    for (let i = 0; i < END_HALVINGS; i++) {
      const middle = Math.sqrt(low * high);
      const point = this.#pool.at(middle);
      if (point === null) high = middle;
      else [low, best] = [middle, point];
    }
    return best;
  }
}

/** The first of so many that is such a one, where all behind it are; how many there are where none is. */
function firstOf(count: number, such: (index: number) => boolean): number {
  let [low, high] = [-1, count];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (such(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function between(low: OpenPoint, high: OpenPoint, part: number): OpenPoint {
  const of = (a: number, b: number) => a + part * (b - a);
  return {
    rate: of(low.rate, high.rate),
    first: low.first.map(({ kind, chance, seconds, above, variance }, i) => ({
      kind,
      chance: of(chance, high.first[i].chance),
      seconds: of(seconds, high.first[i].seconds),
      above: of(above, high.first[i].above),
      variance: of(variance, high.first[i].variance),
    })),
    itl: of(low.itl, high.itl),
    tpot: of(low.tpot, high.tpot),
    batch: of(low.batch, high.batch),
  };
}
