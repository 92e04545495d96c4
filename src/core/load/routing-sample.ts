import type { Rng } from "../../lib/rng.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens kept: 1.9 MB for 58 layers of 8 choices. */
const CAPACITY = 2048;

/**
 * A sample of recent tokens with all their choices, and so everything about which experts are used together. Every
 * new token takes the place of a random one, so that of the tokens seen `capacity` tokens ago a part of 1/e is left.
 */
export class RoutingSample {
  readonly #layers: number;
  readonly #topk: number;
  readonly #capacity: number;
  readonly #rng: Rng;
  /** `[capacity][layers][topk]` */
  readonly #experts: Int16Array;
  #tokens = 0;

  constructor(layers: number, topk: number, rng: Rng, capacity = CAPACITY) {
    this.#layers = layers;
    this.#topk = topk;
    this.#capacity = capacity;
    this.#rng = rng;
    this.#experts = new Int16Array(capacity * layers * topk);
  }

  /** @param recent tokens of as many layers and choices as the sample's */
  add({ tokens, experts }: RoutingTrace): void {
    const width = this.#layers * this.#topk;
    const kept = this.#experts;
    for (let token = 0; token < tokens; token++) {
      const full = this.#tokens === this.#capacity;
      const place = this.#rng.below(full ? this.#capacity : this.#tokens + 1);
      // While there is room, what it takes the place of moves to the end: the order is random from the start.
      if (!full) kept.copyWithin(this.#tokens++ * width, place * width, (place + 1) * width);
      kept.set(experts.subarray(token * width, (token + 1) * width), place * width);
    }
  }

  /**
   * The sample in two halves of different tokens: what was made for the one can be judged by the other. Views that
   * later tokens change; null while there are no two tokens.
   */
  get halves(): readonly [RoutingTrace, RoutingTrace] | null {
    const tokens = Math.floor(this.#tokens / 2);
    if (tokens === 0) return null;
    const [layers, topk] = [this.#layers, this.#topk];
    const length = tokens * layers * topk;
    const half = (from: number) => ({
      tokens,
      layers,
      topk,
      experts: this.#experts.subarray(from, from + length),
    });
    return [half(0), half(length)];
  }
}
