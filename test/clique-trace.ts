import { Rng } from "../src/lib/rng.ts";
import type { RoutingTrace } from "../src/model/routing-trace.ts";

export interface Cliques {
  readonly experts: number;
  readonly size: number;
  /** Cliques a token uses. */
  readonly perToken: number;
  /** The higher, the more tokens use the same few cliques; 1 is even. */
  readonly skew: number;
}

/**
 * Tokens that use experts in cliques, which cross the gate's groups: expert e is of clique π(e) div size for a
 * permutation π. Some cliques are in demand far more than others. One layer.
 * @param cliqueSeed steers which experts belong together
 * @param tokenSeed  steers the tokens
 */
export function cliqueTrace(
  { experts, size, perToken, skew }: Cliques,
  tokens: number,
  cliqueSeed: number,
  tokenSeed: number,
): RoutingTrace {
  const cliqueRng = new Rng(cliqueSeed, 1);
  const members = Int16Array.from({ length: experts }, (_, e) => e);
  for (let i = experts - 1; i > 0; i--) {
    const j = cliqueRng.below(i + 1);
    [members[i], members[j]] = [members[j], members[i]];
  }
  const cliques = experts / size;
  const rng = new Rng(tokenSeed, 2);
  const topk = size * perToken;
  const ids = new Int16Array(tokens * topk);
  for (let token = 0; token < tokens; token++) {
    const used = new Set<number>();
    while (used.size < perToken) used.add(Math.floor(cliques * rng.uniform() ** skew));
    ids.set(
      [...used].flatMap((clique) => [...members.subarray(clique * size, (clique + 1) * size)]),
      token * topk,
    );
  }
  return { tokens, layers: 1, topk, experts: ids };
}
