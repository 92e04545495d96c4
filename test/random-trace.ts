import type { Rng } from "../src/lib/rng.ts";
import type { RoutingTrace } from "../src/model/routing-trace.ts";

/** Skewed, every token's experts distinct; the last selection of every tenth row is missing. */
export function randomTrace(
  rng: Rng,
  tokens: number,
  layers: number,
  topk: number,
  experts: number,
): RoutingTrace {
  const ids = new Int16Array(tokens * layers * topk);
  for (let row = 0; row < tokens * layers; row++) {
    const chosen = new Set<number>();
    while (chosen.size < topk) chosen.add(Math.floor(experts * rng.uniform() ** 2));
    ids.set([...chosen], row * topk);
    if (row % 10 === 9) ids[row * topk + topk - 1] = -1;
  }
  return { tokens, layers, topk, experts: ids };
}
