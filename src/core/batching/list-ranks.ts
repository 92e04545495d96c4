import type { RankState, WaitingRequests } from "./waiting-requests.ts";

/** Where each request goes, and what the ranks then have. */
export interface Assignment {
  /** `[count]`: −1 = stays waiting. */
  readonly rankOf: Int32Array;
  /** `[ranks]` */
  readonly work: Float64Array;
  readonly kvTokens: Float64Array;
  readonly places: Int32Array;
}

/**
 * Deals requests out for balance alone: the largest first, each to the rank with the least work, then the least cache
 * in use, among those with room (longest processing time first: at most 4/3 − 1/(3 ranks) of the least possible
 * maximum on idle ranks, Graham 1969). Of requests with equal work, as in decode, every rank gets as many up to one,
 * and the cache in use differs by no more than the largest request's on ranks that were equal before.
 *
 * Where not all find room, first come, first served: the first that finds none waits, and everything behind it. One
 * that no rank could ever hold waits too, and holds nobody up.
 */
export function listRanks(requests: WaitingRequests, ranks: RankState): Assignment {
  const { count, work, kvTokens } = requests;
  const arrival = Array.from({ length: count }, (_, i) => i);
  const largestFirst = arrival.toSorted((a, b) => work[b] - work[a] || kvTokens[b] - kvTokens[a] || a - b);
  const all = deal(requests, ranks, largestFirst);
  return all.rankOf.includes(-1) ? deal(requests, ranks, arrival) : all;
}

/** Stops at the first request that finds no room, unless none could ever have it. */
function deal(requests: WaitingRequests, ranks: RankState, order: readonly number[]): Assignment {
  const rankOf = new Int32Array(requests.count).fill(-1);
  const work = ranks.work.slice();
  const kvTokens = ranks.kvTokens.slice();
  const places = ranks.places.slice();
  const { kvCapacityTokens } = ranks;
  for (const request of order) {
    const kv = requests.kvTokens[request];
    let best = -1;
    for (let rank = 0; rank < work.length; rank++) {
      if (places[rank] <= 0 || kvTokens[rank] + kv > kvCapacityTokens[rank]) continue;
      if (best >= 0) {
        if (work[rank] > work[best]) continue;
        if (work[rank] === work[best] && kvTokens[rank] >= kvTokens[best]) continue;
      }
      best = rank;
    }
    if (best < 0) {
      if (kvCapacityTokens.some((capacity) => kv <= capacity)) break;
      continue;
    }
    rankOf[request] = best;
    work[best] += requests.work[request];
    kvTokens[best] += kv;
    places[best]--;
  }
  return { rankOf, work, kvTokens, places };
}
