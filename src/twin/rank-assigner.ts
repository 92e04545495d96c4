import type { ReplicaMap } from "../core/dispatch/replica-chooser.ts";
import type { Rng } from "../lib/rng.ts";
import { leastInFlight } from "../routing/least-in-flight.ts";
import { chooseShard } from "../routing/policy.ts";
import type { RoutingSpan } from "./routing-source.ts";

/** A request that has arrived. */
export interface Arrival {
  readonly id: number;
  readonly arrivalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly routing: RoutingSpan;
}

/** What the gateway has in flight on each rank. */
export interface InFlightLoads {
  readonly requests: Int32Array;
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

export class LeastInFlightAssigner implements RankAssigner {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    const shards = loads.requests.length;
    return Int32Array.from(waiting, (arrival) => {
      const rank = chooseShard(leastInFlight, { shards, loads, tried: [] }, this.#rng);
      book(loads, arrival, rank);
      return rank;
    });
  }

  finished(): void {}

  adopt(): void {}
}

/** The request is in flight on the rank from now on. */
export function book(loads: InFlightLoads, { inputTokens, outputTokens }: Arrival, rank: number): void {
  loads.requests[rank]++;
  loads.tokens[rank] += inputTokens + outputTokens;
}
