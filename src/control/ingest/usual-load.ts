const HALF_LIFE_MS = 60_000;

/**
 * Which part of its layer's tokens each expert usually has: what a window is completed by, where nobody has said what an
 * expert received. Before anything is counted, all experts of a layer are alike.
 */
export class UsualLoad {
  readonly #experts: number;
  /** `[layers][experts]`: tokens, those of long ago counting less. */
  readonly #tokens: Float64Array;
  /** `[layers]` */
  readonly #sums: Float64Array;

  constructor(layers: number, experts: number) {
    this.#experts = experts;
    this.#tokens = new Float64Array(layers * experts);
    this.#sums = new Float64Array(layers);
  }

  /** Whether anything was ever counted in a layer. */
  knows(layer: number): boolean {
    return this.#sums[layer] > 0;
  }

  /** The parts of a layer's experts sum to 1. */
  part(cell: number): number {
    const sum = this.#sums[Math.floor(cell / this.#experts)];
    return sum > 0 ? this.#tokens[cell] / sum : 1 / this.#experts;
  }

  /** @param tokens `[layers][experts]` of a window; one without any says nothing */
  observe(tokens: Float64Array, spanMs: number): void {
    if (tokens.every((count) => count === 0)) return;
    const keep = 2 ** (-spanMs / HALF_LIFE_MS);
    this.#sums.fill(0);
    for (let i = 0; i < tokens.length; i++) {
      this.#tokens[i] = keep * this.#tokens[i] + tokens[i];
      this.#sums[Math.floor(i / this.#experts)] += this.#tokens[i];
    }
  }
}
