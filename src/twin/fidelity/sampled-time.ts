import { promptPartOf } from "../../core/cost/attention-work.ts";
import type { StepCost } from "../../core/cost/step-cost.ts";
import type { LayerTally } from "../../model/layer-tally.ts";
import type { StepBatch } from "../step-batch.ts";

/** A forward pass's time from some of its layers, each of which stands for as many: PassTime for a sample. */
export class SampledTime {
  readonly #cost: StepCost;
  readonly #weight: number;
  #mostTokens = 0;
  #promptPart = 0;
  #attention: Float64Array = new Float64Array(0);
  #halfAttention: Float64Array = new Float64Array(0);
  #inTurn = 0;
  #overlapped = 0;

  constructor(cost: StepCost, weight: number) {
    this.#cost = cost;
    this.#weight = weight;
  }

  begin({ work }: StepBatch): void {
    this.#mostTokens = 0;
    for (const { tokens } of work) if (tokens > this.#mostTokens) this.#mostTokens = tokens;
    this.#promptPart = promptPartOf(work);
    this.#attention = this.#cost.attention(work);
    this.#inTurn = this.#cost.fixed(work, this.#attention);
    if (!this.#cost.overlaps) return;
    this.#halfAttention = this.#cost.halfAttention(work);
    this.#overlapped = this.#cost.outsideMoe(work);
  }

  add(layer: number, tally: LayerTally): void {
    const whole = this.#attention[layer];
    const [most, prompts] = [this.#mostTokens, this.#promptPart];
    // Attention is known of all layers.
    this.#inTurn += this.#weight * (this.#cost.inTurn(tally, most, whole, prompts) - whole);
    if (!this.#cost.overlaps) return;
    const half = this.#halfAttention[layer];
    this.#overlapped += this.#weight * this.#cost.overlapped(tally, most, half, prompts);
  }

  /** Overlapped where that is faster. */
  get ms(): number {
    return 1000 * (this.#cost.overlaps ? Math.min(this.#inTurn, this.#overlapped) : this.#inTurn);
  }
}
