import type { RoutingTrace } from "../../model/routing-trace.ts";

/**
 * Some of a request's tokens with their experts, evenly spread, however many parts they come in and however many they
 * are: each time there are too many, every second one goes, and of what follows only as much is taken.
 */
export class RoutedSample {
  readonly #most: number;
  #layers = 0;
  #topk = 0;
  /** `[layers][topk]` of each token that is kept. */
  #kept: Int16Array[] = [];
  /** Of so many tokens one is taken. */
  #stride = 1;
  /** Tokens until the next one that is. */
  #until = 0;

  /** @param most tokens at most; ≥ 1 */
  constructor(most: number) {
    this.#most = most;
  }

  add({ tokens, layers, topk, experts }: RoutingTrace): void {
    if (this.#kept.length === 0) {
      this.#layers = layers;
      this.#topk = topk;
    } else if (layers !== this.#layers || topk !== this.#topk) return;
    const width = layers * topk;
    let token = this.#until;
    for (; token < tokens; token += this.#stride) {
      if (this.#kept.length === this.#most) {
        this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
        // What would have been every second one now is the next that counts, or the one after it.
        if (this.#most % 2 === 1) token += this.#stride;
        this.#stride *= 2;
        if (token >= tokens) break;
        if (this.#kept.length === this.#most) continue;
      }
      this.#kept.push(experts.slice(token * width, (token + 1) * width));
    }
    this.#until = token - tokens;
  }

  /** Null where there were none. */
  get trace(): RoutingTrace | null {
    if (this.#kept.length === 0) return null;
    const width = this.#layers * this.#topk;
    const experts = new Int16Array(this.#kept.length * width);
    for (const [i, token] of this.#kept.entries()) experts.set(token, i * width);
    return { tokens: this.#kept.length, layers: this.#layers, topk: this.#topk, experts };
  }
}
