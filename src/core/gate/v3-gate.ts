/** The shape of a gate: how many experts and groups there are, and how many of each a token keeps. */
export interface GateShape {
  readonly experts: number;
  readonly groups: number;
  readonly topkGroups: number;
  readonly topk: number;
}

/**
 * DeepSeek-V3's gate (`inference/model.py`): a group's score is the sum of its two best biased scores; the best
 * `topkGroups` groups stay; the `topk` best biased scores inside them are the token's experts. The bias steers
 * the selection only (auxiliary-loss-free balancing), never the combine weights, which are not needed here.
 * Keeps its buffers from token to token.
 */
export class V3Gate {
  readonly #shape: GateShape;
  readonly #groupScore: Float64Array;
  readonly #kept: Uint8Array;
  readonly #best: Float64Array;

  constructor(shape: GateShape) {
    this.#shape = shape;
    this.#groupScore = new Float64Array(shape.groups);
    this.#kept = new Uint8Array(shape.groups);
    this.#best = new Float64Array(shape.topk);
  }

  /**
   * @param biased `[experts]`: sigmoid(affinity) + bias
   * @param out    the chosen expert ids are written to `out[at .. at + topk)`, best first
   */
  select(biased: Float64Array, out: Int16Array, at: number): void {
    const { groups, experts, topk } = this.#shape;
    const size = experts / groups;
    if (groups > 1) this.#keepGroups(biased);
    else this.#kept[0] = 1;
    const best = this.#best;
    let found = 0;
    for (let group = 0; group < groups; group++) {
      if (this.#kept[group] === 0) continue;
      for (let expert = group * size; expert < (group + 1) * size; expert++) {
        const score = biased[expert];
        if (found === topk && score <= best[topk - 1]) continue;
        let place = found < topk ? found++ : topk - 1;
        while (place > 0 && best[place - 1] < score) {
          best[place] = best[place - 1];
          out[at + place] = out[at + place - 1];
          place--;
        }
        best[place] = score;
        out[at + place] = expert;
      }
    }
  }

  #keepGroups(biased: Float64Array): void {
    const { groups, topkGroups, experts } = this.#shape;
    const size = experts / groups;
    const groupScore = this.#groupScore;
    for (let group = 0; group < groups; group++) {
      let first = Number.NEGATIVE_INFINITY;
      let second = Number.NEGATIVE_INFINITY;
      for (let expert = group * size; expert < (group + 1) * size; expert++) {
        const score = biased[expert];
        if (score > first) {
          second = first;
          first = score;
        } else if (score > second) second = score;
      }
      groupScore[group] = size > 1 ? first + second : first;
    }
    this.#kept.fill(0);
    for (let n = 0; n < topkGroups; n++) {
      let best = -1;
      for (let group = 0; group < groups; group++) {
        if (this.#kept[group] === 0 && (best < 0 || groupScore[group] > groupScore[best])) best = group;
      }
      this.#kept[best] = 1;
    }
  }
}
