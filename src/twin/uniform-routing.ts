import { Rng } from "../lib/rng.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { TraceRouting } from "./trace-routing.ts";

const TOKENS = 4096;
/** Stand for the model's layers in turn. */
const LAYERS = 4;

/** A source whose tokens choose every expert alike, each `topk` different ones. Same seed, same choices. */
export function uniformRouting({ topk, experts: count }: MoeModel, seed: number): TraceRouting {
  const rng = new Rng(seed, 9);
  const experts = new Int16Array(TOKENS * LAYERS * topk);
  for (let row = 0; row < TOKENS * LAYERS; row++) {
    const chosen = new Set<number>();
    while (chosen.size < topk) chosen.add(rng.below(count));
    experts.set([...chosen], row * topk);
  }
  return new TraceRouting({ tokens: TOKENS, layers: LAYERS, topk, experts });
}
