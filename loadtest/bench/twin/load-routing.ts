import { Rng } from "../../../src/lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../../src/model/load.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import { TraceRouting } from "../../../src/twin/trace-routing.ts";

const TOKENS = 4096;

/**
 * Tokens that choose every expert as often as a load has it: as many groups as the model's gate has, each as often as its
 * experts are chosen, and as many experts of each. Chances above 1 are cut. Same seed, same choices.
 */
export function loadRouting(model: MoeModel, load: ExpertLoad, seed: number): TraceRouting {
  const { topk, groups, topkGroups, experts: count } = model;
  const perGroup = count / groups;
  const each = topk / topkGroups;
  const experts = new Int16Array(TOKENS * load.layers * topk);
  for (let layer = 0; layer < load.layers; layer++) {
    const rng = new Rng(seed, 10, layer);
    const counts = layerLoad(load, layer);
    const byGroup = Array.from({ length: groups }, (_, group) =>
      counts.subarray(group * perGroup, (group + 1) * perGroup),
    );
    const ofGroups = byGroup.map((part) => part.reduce((sum, tokens) => sum + tokens, 0));
    for (let token = 0; token < TOKENS; token++) {
      let at = (token * load.layers + layer) * topk;
      for (const group of drawn(ofGroups, topkGroups, rng)) {
        for (const expert of drawn(byGroup[group], each, rng)) experts[at++] = group * perGroup + expert;
      }
    }
  }
  return new TraceRouting({ tokens: TOKENS, layers: load.layers, topk, experts });
}

/** So many different indices, each as likely as its weight: systematic sampling over a shuffled order. */
function drawn(weights: ArrayLike<number>, count: number, rng: Rng): number[] {
  const order = Array.from(weights, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const other = rng.below(i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  const chances = capped(weights, count);
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
