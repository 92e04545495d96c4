import type { Candidates, Scorer } from "../plug-in.ts";
import { RendezvousHash } from "../rendezvous-hash.ts";

/**
 * What a session's earlier context is worth where the prompt does not show it. The prompts of Azure's published
 * conversations (LLM inference trace, 2023) have 1,100 tokens on average; half of that is taken for what came before.
 */
export const CONTEXT_TOKENS = 512;

/**
 * Sessions, else tenants, have a home: by rendezvous hashing, among the shards of the first tier that serve now. Anywhere else their
 * context has to be computed again.
 */
export function sessionAffinity(shardIds: readonly string[]): Scorer<Candidates> {
  const hash = new RendezvousHash(shardIds);
  return {
    name: "session-affinity",
    add({ affinityKey }, { count, ready, admitting, tier }, weight, cost) {
      if (affinityKey === 0) return;
      let home = -1;
      let highest = -1;
      let first = Number.POSITIVE_INFINITY;
      for (let shard = 0; shard < count; shard++) {
        cost[shard] += weight * CONTEXT_TOKENS;
        const value = hash.of(affinityKey, shard);
        if (ready[shard] === 0 || admitting[shard] === 0 || tier[shard] > first) continue;
        if (tier[shard] === first && value <= highest) continue;
        first = tier[shard];
        highest = value;
        home = shard;
      }
      if (home >= 0) cost[home] -= weight * CONTEXT_TOKENS;
    },
  };
}
