import type { ReplicaMap } from "../model/replica-map.ts";
import type { Rng } from "../lib/rng.ts";
import type { RoutingSpan } from "./routing-source.ts";

/** A request that has arrived. */
export interface Arrival {
  readonly id: number;
  readonly arrivalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** What it takes of a rank's cache when it ends (KvRoom). */
  readonly cacheTokens: number;
  readonly routing: RoutingSpan;
  readonly prefixBlocks?: readonly number[];
}

/** What the gateway has in flight on each rank. */
export interface InFlightLoads {
  readonly requests: Int32Array;
  /** Of cache, as all of them will have taken it. */
  readonly tokens: Float64Array;
}

/** Gives requests to ranks, knowing only what is past. */
export interface RankAssigner {
  /**
   * @param loads changed: what gets a rank is in flight there
   * @returns the rank of each; −1 = stays waiting
   */
  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array;
  /** A request has ended, and its experts are known. */
  finished(arrival: Arrival): void;
  adopt(map: ReplicaMap): void;
}

/** The rank with the fewest requests in flight, among those the fewest tokens; equals have the same chance. */
export class LeastInFlightAssigner implements RankAssigner {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    return Int32Array.from(waiting, (arrival) => {
      const rank = this.#least(loads);
      book(loads, arrival, rank);
      return rank;
    });
  }

  finished(): void {}

  adopt(): void {}

  #least({ requests, tokens }: InFlightLoads): number {
    let least = 0;
    let equals = 1;
    for (let rank = 1; rank < requests.length; rank++) {
      const more = requests[rank] - requests[least] || tokens[rank] - tokens[least];
      if (more > 0) continue;
      equals = more < 0 ? 1 : equals + 1;
      if (equals === 1 || this.#rng.below(equals) === 0) least = rank;
    }
    return least;
  }
}

/** The request is in flight on the rank from now on. */
export function book(loads: InFlightLoads, { cacheTokens }: Arrival, rank: number): void {
  loads.requests[rank]++;
  loads.tokens[rank] += cacheTokens;
}
