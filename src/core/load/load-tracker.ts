import { type ExpertLoad, emptyLoad } from "../../model/load.ts";

/**
 * The load of every expert as an exponentially weighted moving average of tokens per second, so that windows
 * of different lengths count by their length. Memory: one number per (layer, expert).
 */
export class LoadTracker {
  readonly #average: ExpertLoad;
  readonly #halfLifeMs: number;
  /** Σ of the weights so far: corrects the average while it has seen less than it remembers. */
  #weight = 0;

  /** @param halfLifeMs after this long, an observation counts half */
  constructor(layers: number, experts: number, halfLifeMs: number) {
    this.#average = emptyLoad(layers, experts);
    this.#halfLifeMs = halfLifeMs;
  }

  /** @param load tokens per expert in a window of `spanMs` milliseconds; one without tokens lowers the average */
  observe(load: ExpertLoad, spanMs: number): void {
    const keep = 2 ** (-spanMs / this.#halfLifeMs);
    const average = this.#average.tokens;
    const gain = (1 - keep) * (1000 / spanMs);
    const { tokens } = load;
    for (let i = 0; i < average.length; i++) average[i] = keep * average[i] + gain * tokens[i];
    this.#weight = keep * this.#weight + (1 - keep);
  }

  /** Whether anything was observed. */
  get warm(): boolean {
    return this.#weight > 0;
  }

  /** The load expected next, tokens per second: a copy the caller owns. */
  forecast(): ExpertLoad {
    const { layers, experts, tokens } = this.#average;
    const scale = this.#weight > 0 ? 1 / this.#weight : 0;
    const scaled = new Float64Array(tokens.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = tokens[i] * scale;
    return { layers, experts, tokens: scaled };
  }
}
