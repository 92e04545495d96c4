import { Rng } from "../src/lib/rng.ts";
import type { RoutingTrace } from "../src/model/routing-trace.ts";

/** Tokens in runs of one tenant each; tenant 0 uses the first half of the experts, tenant 1 the second. One layer. */
export function twoTenants(
  experts: number,
  topk: number,
  runs: number,
  runTokens: number,
): { readonly trace: RoutingTrace; readonly tenants: Int32Array } {
  const rng = new Rng(runs);
  const tokens = runs * runTokens;
  const tenants = Int32Array.from({ length: tokens }, (_, token) => Math.floor(token / runTokens) % 2);
  const ids = new Int16Array(tokens * topk);
  for (let token = 0; token < tokens; token++) {
    const chosen = new Set<number>();
    while (chosen.size < topk) chosen.add((tenants[token] * experts) / 2 + rng.below(experts / 2));
    ids.set([...chosen], token * topk);
  }
  return { trace: { tokens, layers: 1, topk, experts: ids }, tenants };
}
