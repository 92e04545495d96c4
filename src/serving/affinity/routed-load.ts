import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Tokens by expert, counted from the experts that answers report, until they are taken. */
export class RoutedLoad {
  readonly #experts: number;
  /** `[layers][experts]` */
  readonly #tokens: Float32Array;
  #counted = false;

  constructor(layers: number, experts: number) {
    this.#experts = experts;
    this.#tokens = new Float32Array(layers * experts);
  }

  /** Another of the same shape, which then counts for both; else null. */
  like(other: RoutedLoad | null): RoutedLoad | null {
    if (other === null || other.#experts !== this.#experts) return null;
    return other.#tokens.length === this.#tokens.length ? other : null;
  }

  /** Tokens of a request, at the pool's MoE layers; −1 counts nothing. */
  count({ tokens, layers, topk, experts: ids }: RoutingTrace): void {
    const counts = this.#tokens;
    for (let token = 0, i = 0; token < tokens; token++) {
      for (let layer = 0; layer < layers; layer++) {
        const first = layer * this.#experts;
        for (let k = 0; k < topk; k++, i++) if (ids[i] >= 0) counts[first + ids[i]]++;
      }
    }
    this.#counted = true;
  }

  /** What another process counted, or was taken and not sent: `[layers][experts]`; another shape is ignored. */
  add(tokens: Float32Array): void {
    if (tokens.length !== this.#tokens.length) return;
    for (let i = 0; i < tokens.length; i++) this.#tokens[i] += tokens[i];
    this.#counted = true;
  }

  /** @returns `[layers][experts]`, and starts again at 0; null when nothing was counted */
  take(): Float32Array | null {
    if (!this.#counted) return null;
    const taken = this.#tokens.slice();
    this.#tokens.fill(0);
    this.#counted = false;
    return taken;
  }
}
