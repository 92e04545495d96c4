import type { ReplicaMap } from "../../../src/model/replica-map.ts";
import type { TokenBatch } from "../../../src/core/dispatch/token-batch.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import { Rng } from "../../../src/lib/rng.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import { givenSources, replicaMap } from "../dispatched.ts";
import { plimsoll, pool } from "../pools.ts";
import { cut, independentTokens, range, type RoutedTokens } from "../routed-tokens.ts";

export const SPEED_POOLS: readonly Topology[] = [pool(288, 32, 4), pool(320, 64, 8)];

/** Our placement of a whole model's published loads: every layer has one of its own. */
export function speedMap({ input }: Bench, topology: Topology): ReplicaMap {
  const [load] = input.loads;
  const placement = plimsoll(load, topology);
  return replicaMap(placement, solveShares(placement, indexReplicas(placement), load));
}

/** Tokens of the same loads. */
export function speedTokens({ input, seed }: Bench, tokens: number): RoutedTokens {
  return independentTokens(input.loads[0], tokens, input.model.topk, new Rng(seed, 7));
}

/** Batches of this size, one after another, of `tokens` tokens in all. */
export function speedBatches(
  map: ReplicaMap,
  { trace }: RoutedTokens,
  size: number,
  tokens: number,
): TokenBatch[] {
  const { layers, topk, experts } = trace;
  const batches = cut(range(0, tokens), size);
  const sources = givenSources(map, batches);
  return batches.map((rows, i) => ({
    tokens: size,
    sources: sources[i],
    rows,
    experts,
    rowStride: layers * topk,
    topk,
  }));
}
