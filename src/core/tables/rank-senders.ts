import { type Placement, gpusInService } from "../../model/placement.ts";
import { gpuCount } from "../../model/topology.ts";

/** Which ranks send an expert, and how much of it beside the mean of those. */
export class RankSenders {
  readonly #inService: Int32Array;
  readonly #tokens: Float64Array | undefined;
  readonly #stride: number;
  /** `[ranks]`: 1 in the mean of the ranks that send any, 0 for those that send none. */
  readonly weights: Float64Array;
  /** Ranks that send the expert. */
  count: number;
  /** Tokens of the expert that they send. */
  sent: number;

  /**
   * @param tokens `[ranks][layers][experts]`. Where it is left out, and of an expert of which no rank sends any, the
   *   ranks in service send one token each.
   */
  constructor(placement: Placement, tokens: Float64Array | undefined) {
    this.#inService = gpusInService(placement);
    this.#tokens = tokens;
    this.#stride = placement.layers * placement.experts;
    this.weights = new Float64Array(gpuCount(placement.topology));
    this.count = 0;
    this.sent = 0;
    this.#weighAlike();
  }

  /** @param row layer × experts + expert */
  weigh(row: number): void {
    if (this.#tokens === undefined) return;
    const { weights } = this;
    this.count = 0;
    this.sent = 0;
    for (let rank = 0; rank < weights.length; rank++) {
      weights[rank] = this.#tokens[rank * this.#stride + row];
      if (weights[rank] === 0) continue;
      this.count++;
      this.sent += weights[rank];
    }
    if (this.count === 0) this.#weighAlike();
    else for (let rank = 0; rank < weights.length; rank++) weights[rank] *= this.count / this.sent;
  }

  #weighAlike(): void {
    this.weights.fill(0);
    for (const rank of this.#inService) this.weights[rank] = 1;
    this.count = this.#inService.length;
    this.sent = this.count;
  }
}
