import type { RankState } from "../../model/pool-window.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { RoutingSpan } from "../routing-source.ts";

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
  /** Ranks that have failed it. */
  readonly tried?: readonly number[];
}

/** What the gateway has in flight on each rank. */
export interface InFlightLoads {
  readonly requests: Int32Array;
  /** Of cache, as all of them will have taken it. */
  readonly tokens: Float64Array;
  /** 1 where requests may be sent. */
  readonly serves: Uint8Array;
}

/** Of ranks that all serve, and have nothing yet. */
export function noLoads(ranks: number): InFlightLoads {
  return {
    requests: new Int32Array(ranks),
    tokens: new Float64Array(ranks),
    serves: new Uint8Array(ranks).fill(1),
  };
}

/** Gives requests to ranks, knowing only what is past. */
export interface RankAssigner {
  /** It is asked before every step, of all that wait; else of each request as it arrives. */
  readonly composes?: boolean;
  /**
   * @param loads changed: what gets a rank is in flight there
   * @returns the rank of each; −1 = stays waiting
   */
  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array;
  /** Its first token is there. */
  answered?(arrival: Arrival): void;
  /** A request has ended, and its experts are known. */
  finished(arrival: Arrival): void;
  /** Its rank is lost. */
  failed?(arrival: Arrival): void;
  /** What ranks say of themselves. */
  reported?(ranks: readonly RankState[]): void;
  /** A rank is there again, and has nothing in its cache. */
  returned?(rank: number): void;
  adopt(map: ReplicaMap): void;
}

/** The request is in flight on the rank from now on. */
export function book(loads: InFlightLoads, { cacheTokens }: Arrival, rank: number): void {
  loads.requests[rank]++;
  loads.tokens[rank] += cacheTokens;
}
