import type { LayerTally } from "../../model/layer-tally.ts";
import { type AttentionWork, promptPartOf } from "./attention-work.ts";
import type { StepCost } from "./step-cost.ts";

/** The time of one forward pass, added up layer by layer: as one batch, and as two overlapping micro-batches. */
export class PassTime {
  readonly #cost: StepCost;
  readonly #mostTokens: number;
  readonly #attention: Float64Array;
  readonly #halfAttention: Float64Array;
  readonly #promptPart: number;
  #row = 0;
  #inTurn: number;
  #overlapped: number;

  /** @param ranks the attention of every rank */
  constructor(cost: StepCost, ranks: readonly AttentionWork[]) {
    this.#cost = cost;
    this.#mostTokens = ranks.reduce((most, { tokens }) => Math.max(most, tokens), 0);
    this.#promptPart = promptPartOf(ranks);
    this.#attention = cost.attention(ranks);
    this.#halfAttention = cost.halfAttention(ranks);
    this.#inTurn = this.#overlapped = cost.outsideMoe(ranks);
  }

  /** The next MoE layer. */
  add(tally: LayerTally): void {
    const row = this.#row++;
    const [most, prompts] = [this.#mostTokens, this.#promptPart];
    this.#inTurn += this.#cost.inTurn(tally, most, this.#attention[row], prompts);
    this.#overlapped += this.#cost.overlapped(tally, most, this.#halfAttention[row], prompts);
  }

  /** What overlapping wins in throughput: 0.25 = a quarter more; below 0 it loses. 0 of nothing. */
  get gain(): number {
    return this.#overlapped === 0 ? 0 : this.#inTurn / this.#overlapped - 1;
  }

  /** Seconds, overlapped where that is faster. */
  get seconds(): number {
    return this.#cost.overlaps ? Math.min(this.#inTurn, this.#overlapped) : this.#inTurn;
  }
}
