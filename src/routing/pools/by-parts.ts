import type { Picker } from "../plug-in.ts";
import { RendezvousHash } from "../rendezvous-hash.ts";
import type { PoolRequest } from "./pool-states.ts";

/** How far a pool may be ahead of its part, in requests of the pool with the smallest one. */
const AHEAD = 16;

/**
 * Each pool gets its part of the requests (those eligible share what the others cannot take):
 *
 * - A session has a pool, by weighted rendezvous hashing: the same at every gateway, and another only while that one
 *   cannot serve. The parts of many sessions come to the weights as draws do.
 * - Others go by turns: a pool gains its part with each request and pays one for each it gets. The cheapest has it
 *   (where its prompt is cached) that is not ahead by more than `AHEAD` of its smallest rival's turns, so that parts
 *   stay within so many requests for ever; among equals the one that is owed most.
 *
 * @param parts `[pools]`; 0 counts only where no eligible pool has more
 */
export function byParts(names: readonly string[], parts: Float64Array): Picker<unknown, PoolRequest> {
  const hash = new RendezvousHash(names);
  const count = names.length;
  /** `[pools]`: turns that each is owed. */
  const owed = new Float64Array(count);
  /** `[pools]`, of the choice at hand; 0 for those that are not eligible. */
  const part = new Float64Array(count);

  const homeOf = (session: number): number => {
    let home = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let pool = 0; pool < count; pool++) {
      if (part[pool] === 0) continue;
      const cost = -Math.log((hash.of(session, pool) + 1) / 0x1_0000_0000) / part[pool];
      if (cost >= least && home >= 0) continue;
      least = cost;
      home = pool;
    }
    return home;
  };

  return (cost, eligible, _pools, _rng, { affinityKey }) => {
    let all = 0;
    let smallest = 1;
    let open = 0;
    for (let pool = 0; pool < count; pool++) {
      all += eligible[pool] * parts[pool];
      open += eligible[pool];
    }
    for (let pool = 0; pool < count; pool++) {
      part[pool] = all > 0 ? (eligible[pool] * parts[pool]) / all : eligible[pool] / open;
      if (part[pool] > 0) smallest = Math.min(smallest, part[pool]);
    }
    if (affinityKey !== 0) return homeOf(affinityKey);
    const behind = -Math.max(1, AHEAD * smallest);
    let least = Number.POSITIVE_INFINITY;
    for (let pool = 0; pool < count; pool++) {
      owed[pool] += part[pool];
      if (part[pool] > 0 && owed[pool] > behind) least = Math.min(least, cost[pool]);
    }
    let chosen = -1;
    for (let pool = 0; pool < count; pool++) {
      if (part[pool] === 0 || owed[pool] <= behind || cost[pool] > least) continue;
      if (chosen < 0 || owed[pool] > owed[chosen]) chosen = pool;
    }
    owed[chosen]--;
    return chosen;
  };
}
