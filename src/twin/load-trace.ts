import { Rng } from "../lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../model/load.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";

const TOKENS = 4096;

/**
 * Tokens that choose every expert as often as a load has it: as many groups as the model's gate takes, and experts
 * of these. What would be chosen more than once by every token is cut. Same seed, same choices.
 */
export function loadTrace(model: MoeModel, load: ExpertLoad, seed: number): RoutingTrace {
  const { topk, groups, topkGroups, experts: count } = model;
  const perGroup = count / groups;
  const experts = new Int16Array(TOKENS * load.layers * topk);
  const [ofGroups, ofExperts] = [new Draw(groups), new Draw(count)];
  for (let layer = 0; layer < load.layers; layer++) {
    const rng = new Rng(seed, 10, layer);
    const counts = layerLoad(load, layer);
    const byGroup = Array.from({ length: groups }, (_, group) =>
      counts.subarray(group * perGroup, (group + 1) * perGroup),
    );
    const groupChances = capped(
      byGroup.map((part) => part.reduce((sum, tokens) => sum + tokens, 0)),
      topkGroups,
    );
    /** By the groups that are chosen. */
    const known = new Map<string, Float64Array>();
    const chances = (groupsChosen: Int32Array) => {
      const chosen = new Uint8Array(groups);
      for (const group of groupsChosen) chosen[group] = 1;
      const name = chosen.join("");
      const before = known.get(name);
      if (before !== undefined) return before;
      const weights = counts.map((tokens, expert) => {
        const group = Math.floor(expert / perGroup);
        return chosen[group] * (tokens / groupChances[group]);
      });
      const ofThese = capped(weights, topk);
      known.set(name, ofThese);
      return ofThese;
    };
    for (let token = 0; token < TOKENS; token++) {
      const ofToken = chances(ofGroups.of(groupChances, topkGroups, rng));
      experts.set(ofExperts.of(ofToken, topk, rng), (token * load.layers + layer) * topk);
    }
  }
  return { tokens: TOKENS, layers: load.layers, topk, experts };
}

/** Draws some of so many indices. Keeps its buffers from draw to draw. */
class Draw {
  readonly #order: Int32Array;
  readonly #taken: Int32Array;

  constructor(indices: number) {
    this.#order = new Int32Array(indices);
    this.#taken = new Int32Array(indices);
  }

  /** So many different indices, each with its chance, until the next call: systematic sampling over a shuffled order. */
  of(chances: Float64Array, count: number, rng: Rng): Int32Array {
    const order = this.#order;
    const taken = this.#taken;
    for (let i = 0; i < order.length; i++) order[i] = i;
    for (let i = order.length - 1; i > 0; i--) {
      const other = rng.below(i + 1);
      const index = order[i];
      order[i] = order[other];
      order[other] = index;
    }
    let found = 0;
    let upTo = rng.uniform();
    for (let i = 0; i < order.length; i++) {
      upTo += chances[order[i]];
      if (upTo < 1) continue;
      upTo -= 1;
      taken[found++] = order[i];
    }
    // Rounding may lose the last.
    for (let i = 0; found < count; i++) {
      if (!taken.subarray(0, found).includes(order[i])) taken[found++] = order[i];
    }
    return taken.subarray(0, count);
  }
}

/** Chances in the proportion of weights that add up to a count; what one has above 1 goes to the others. */
function capped(weights: ArrayLike<number>, count: number): Float64Array {
  const chances = Float64Array.from({ length: weights.length });
  const full = new Set<number>();
  for (;;) {
    let sum = 0;
    for (let i = 0; i < weights.length; i++) if (!full.has(i)) sum += weights[i] + 1e-9;
    const left = count - full.size;
    let more = false;
    for (let i = 0; i < weights.length; i++) {
      chances[i] = full.has(i) ? 1 : (left * (weights[i] + 1e-9)) / sum;
      if (chances[i] > 1) {
        full.add(i);
        more = true;
      }
    }
    if (!more) return chances;
  }
}
