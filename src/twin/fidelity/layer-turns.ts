/** Layers a step looks at: a pass of four costs a fifteenth of DeepSeek-V3's 58. */
const LAYERS_A_STEP = 4;
/** Steps take their layers from the golden ratio's turns, which leave no layer out for long. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Which layers each step looks at: evenly spread over the model, others in every step. */
export class LayerTurns {
  readonly #layers: number;
  /** `[layers of a step]`, until the next call. */
  readonly #taken: Int32Array;
  #turn = 0;

  constructor(layers: number) {
    this.#layers = layers;
    this.#taken = new Int32Array(Math.min(layers, LAYERS_A_STEP));
  }

  /** Layers that each of them stands for. */
  get weight(): number {
    return this.#layers / this.#taken.length;
  }

  /** @returns the next step's layers, ascending; until the next call */
  next(): Int32Array {
    this.#turn = (this.#turn + GOLDEN) % 1;
    for (let i = 0; i < this.#taken.length; i++) {
      this.#taken[i] = Math.floor((i + this.#turn) * this.weight);
    }
    return this.#taken;
  }
}
