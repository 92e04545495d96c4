import type { ExpertOutlook, RoutableRequest } from "../src/routing/routable-request.ts";
import type { Scorer } from "../src/routing/plug-in.ts";
import { ShardStates } from "../src/routing/shard-states.ts";

/** A request of 1,000 tokens that is like any other, but for `known`. */
export function routable(known: Partial<RoutableRequest> = {}): RoutableRequest {
  return {
    model: "m",
    inputTokens: 800,
    outputTokens: 200,
    prefix: new Uint32Array(0),
    blockTokens: 64,
    affinityKey: 0,
    experts: null,
    pinnedRank: -1,
    tried: [],
    ...known,
  };
}

/** The outlook of a request with so many hops from each shard. */
export function hopsFrom(...nodeHops: number[]): ExpertOutlook {
  return { nodeHops: Float64Array.from(nodeHops), marginalLoad: new Float64Array(nodeHops.length) };
}

/** What one scorer says of each shard. */
export function costsOf(scorer: Scorer, states: ShardStates, request = routable()): number[] {
  const cost = new Float64Array(states.count);
  scorer.add(request, states, 1, cost);
  return [...cost];
}

export function shardIds(count: number): string[] {
  return Array.from({ length: count }, (_, shard) => `pool/${shard}`);
}
