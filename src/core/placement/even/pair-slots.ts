import { replicate } from "../replicate.ts";

/** Experts that lose a slot, and of the lightest with one slot those that gain one, tried in each round. */
const TAKEN_TRIED = 4;
const LIGHT_TRIED = 2;
const MOST_ROUNDS = 16;
/** Of the maximum: less is not a gain. */
const LEAST_GAIN = 1e-4;

/**
 * Seats one layer where every GPU has two slots and is as fast as the others. The heaviest part beside the lightest, the
 * next beside the next, and so on is then the best seating there is of given parts, so that only the numbers of slots are
 * searched: from those that level the parts best, one slot goes from an expert to another (one of the fullest GPU's two, or
 * a light one, whose halves go beside heavy parts) as long as that lowers the maximum.
 * @param tokens `[experts]`
 * @param slots  twice the GPUs, at least as many as experts
 * @returns `[slots]`
 */
export function pairSlots(tokens: Float64Array, slots: number): Int32Array {
  const { counts } = replicate(tokens, slots);
  const pairs = new Pairs(tokens, counts, slots);
  const light = [...tokens.keys()].toSorted((a, b) => tokens[a] - tokens[b]);
  let { max, heavier, lighter } = pairs.fullest();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const taken = [...tokens.keys()]
      .filter((expert) => counts[expert] > 1)
      .toSorted((a, b) => tokens[a] / (counts[a] - 1) - tokens[b] / (counts[b] - 1))
      .slice(0, TAKEN_TRIED);
    const given = [heavier, lighter, ...light.filter((expert) => counts[expert] === 1).slice(0, LIGHT_TRIED)];
    let best: readonly [number, number] | null = null;
    let least = max * (1 - LEAST_GAIN);
    for (const from of taken) {
      for (const to of given) {
        if (from === to) continue;
        shift(counts, from, to);
        const after = pairs.fullest().max;
        shift(counts, to, from);
        if (after >= least) continue;
        least = after;
        best = [from, to];
      }
    }
    if (best === null) break;
    shift(counts, ...best);
    ({ max, heavier, lighter } = pairs.fullest());
  }
  return pairs.seated();
}

function shift(counts: Int32Array, from: number, to: number): void {
  counts[from]--;
  counts[to]++;
}

interface Fullest {
  readonly max: number;
  /** Its experts. */
  readonly heavier: number;
  readonly lighter: number;
}

class Pairs {
  readonly #tokens: Float64Array;
  readonly #counts: Int32Array;
  /** `[slots]`: experts, the lightest part first. */
  readonly #order: Int32Array;
  /** `[experts]`: the lightest part first; nearly so from one search to the next. */
  readonly #byPart: Int32Array;

  /** @param counts may change between calls */
  constructor(tokens: Float64Array, counts: Int32Array, slots: number) {
    this.#tokens = tokens;
    this.#counts = counts;
    this.#order = new Int32Array(slots);
    this.#byPart = Int32Array.from(tokens.keys());
    this.#byPart.sort((a, b) => this.#part(a) - this.#part(b));
  }

  fullest(): Fullest {
    this.#sort();
    const order = this.#order;
    let fullest: Fullest = { max: -1, heavier: -1, lighter: -1 };
    for (let low = 0, high = order.length - 1; low < high; low++, high--) {
      const level = this.#part(order[low]) + this.#part(order[high]);
      if (level > fullest.max) fullest = { max: level, heavier: order[high], lighter: order[low] };
    }
    return fullest;
  }

  /** `[slots]`: each GPU's two. */
  seated(): Int32Array {
    this.#sort();
    const last = this.#order.length - 1;
    return this.#order.map((_, slot) => this.#order[slot % 2 === 0 ? last - slot / 2 : (slot - 1) / 2]);
  }

  #part(expert: number): number {
    return this.#tokens[expert] / this.#counts[expert];
  }

  #sort(): void {
    const byPart = this.#byPart;
    for (let i = 1; i < byPart.length; i++) {
      const expert = byPart[i];
      const part = this.#part(expert);
      let at = i;
      for (; at > 0 && this.#part(byPart[at - 1]) > part; at--) byPart[at] = byPart[at - 1];
      byPart[at] = expert;
    }
    let slot = 0;
    for (const expert of byPart) {
      for (let i = 0; i < this.#counts[expert]; i++) this.#order[slot++] = expert;
    }
  }
}
