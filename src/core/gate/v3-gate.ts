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
  /** `[groups]`: the second best score of each; with one expert each, the only one. */
  readonly #second: Float64Array;
  readonly #kept: Uint8Array;
  readonly #best: Float64Array;
  readonly #chosen: Int32Array;

  constructor(shape: GateShape) {
    this.#shape = shape;
    this.#groupScore = new Float64Array(shape.groups);
    this.#second = new Float64Array(shape.groups);
    this.#kept = new Uint8Array(shape.groups).fill(1);
    this.#best = new Float64Array(shape.topk);
    this.#chosen = new Int32Array(shape.topk);
  }

  /**
   * @param biased `[experts]`: sigmoid(affinity) + bias
   * @param out    the chosen expert ids are written to `out[at .. at + topk)`, best first
   */
  select(biased: Float64Array, out: Int16Array, at: number): void {
    const { groups, experts, topk } = this.#shape;
    const size = experts / groups;
    const kept = this.#kept;
    const best = this.#best;
    const chosen = this.#chosen;
    // What is below is not among the best: as many as are chosen are at least that.
    let least = groups > 1 ? this.#keepGroups(biased) : Number.NEGATIVE_INFINITY;
    let found = 0;
    for (let group = 0; group < groups; group++) {
      if (kept[group] === 0) continue;
      for (let expert = group * size; expert < (group + 1) * size; expert++) {
        const score = biased[expert];
        if (score < least || (found === topk && score === least)) continue;
        let place = found < topk ? found++ : topk - 1;
        while (place > 0 && best[place - 1] < score) {
          best[place] = best[place - 1];
          chosen[place] = chosen[place - 1];
          place--;
        }
        best[place] = score;
        chosen[place] = expert;
        if (found === topk) least = best[topk - 1];
      }
    }
    for (let place = 0; place < found; place++) out[at + place] = chosen[place];
  }

  /** @returns what so many scores of the groups that stay are no less than as are chosen */
  #keepGroups(biased: Float64Array): number {
    const { groups, topkGroups, topk, experts } = this.#shape;
    const size = experts / groups;
    const groupScore = this.#groupScore;
    const seconds = this.#second;
    const kept = this.#kept;
    for (let group = 0, expert = 0; group < groups; group++) {
      let first = Number.NEGATIVE_INFINITY;
      let second = Number.NEGATIVE_INFINITY;
      for (const end = expert + size; expert < end; expert++) {
        const score = biased[expert];
        if (score <= second) continue;
        if (score > first) {
          second = first;
          first = score;
        } else second = score;
      }
      groupScore[group] = size > 1 ? first + second : first;
      seconds[group] = size > 1 ? second : first;
      kept[group] = 0;
    }
    let least = Number.POSITIVE_INFINITY;
    for (let n = 0; n < topkGroups; n++) {
      let best = -1;
      for (let group = 0; group < groups; group++) {
        if (kept[group] === 0 && (best < 0 || groupScore[group] > groupScore[best])) best = group;
      }
      kept[best] = 1;
      if (seconds[best] < least) least = seconds[best];
    }
    return topkGroups * Math.min(2, size) >= topk ? least : Number.NEGATIVE_INFINITY;
  }
}
