import { Rng } from "../../../src/lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../../src/model/load.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import type { RoutingTrace } from "../../../src/model/routing-trace.ts";

const TOKENS = 4096;

/**
 * Tokens that choose every expert as often as a load has it: as many groups as the model's gate takes, and experts
 * of these. What would be chosen more than once by every token is cut. Same seed, same choices.
 */
export function loadTrace(model: MoeModel, load: ExpertLoad, seed: number): RoutingTrace {
  const { topk, groups, topkGroups, experts: count } = model;
  const perGroup = count / groups;
  const experts = new Int16Array(TOKENS * load.layers * topk);
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
    for (let token = 0; token < TOKENS; token++) {
      let at = (token * load.layers + layer) * topk;
      const chosen = new Uint8Array(groups);
      for (const group of drawn(groupChances, topkGroups, rng)) chosen[group] = 1;
      const weights = counts.map((tokens, expert) => {
        const group = Math.floor(expert / perGroup);
        return chosen[group] * (tokens / groupChances[group]);
      });
      for (const expert of drawn(capped(weights, topk), topk, rng)) experts[at++] = expert;
    }
  }
  return { tokens: TOKENS, layers: load.layers, topk, experts };
}

/** So many different indices, each with its chance: systematic sampling over a shuffled order. */
function drawn(chances: Float64Array, count: number, rng: Rng): number[] {
  const order = Array.from(chances, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const other = rng.below(i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  const taken: number[] = [];
  let upTo = rng.uniform();
  for (const index of order) {
    upTo += chances[index];
    if (upTo < 1) continue;
    upTo -= 1;
    taken.push(index);
  }
  // Rounding may lose the last.
  for (let i = 0; taken.length < count; i++) if (!taken.includes(order[i])) taken.push(order[i]);
  return taken.slice(0, count);
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
