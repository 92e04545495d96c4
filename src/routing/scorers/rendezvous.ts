import type { Scorer } from "../plug-in.ts";
import { RendezvousHash } from "../rendezvous-hash.ts";

/**
 * The whole order of rendezvous hashing, for a policy that uses nothing else: −ln u of the hash u in 0 to 1. Divided by
 * weights, the least of such costs falls to each shard in proportion to its weight. Nothing without an affinity key.
 */
export function rendezvous(shardIds: readonly string[]): Scorer {
  const hash = new RendezvousHash(shardIds);
  return {
    name: "rendezvous",
    add({ affinityKey }, { count }, weight, cost) {
      if (affinityKey === 0) return;
      for (let shard = 0; shard < count; shard++) {
        cost[shard] -= weight * Math.log((hash.of(affinityKey, shard) + 1) / 0x1_0000_0000);
      }
    },
  };
}
