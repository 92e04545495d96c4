import { listRanks } from "./list-ranks.ts";
import { microBatches } from "./micro-batches.ts";
import type { RequestKinds } from "./request-kinds.ts";
import { saveHops } from "./save-hops.ts";
import type { Phase, RankState, WaitingRequests } from "./waiting-requests.ts";

/** What a rank's work may lie off the mean to save hops. */
const TOLERANCE = 0.01;

/** Where the requests that waited go, and what ranks then have. The work is in input tokens (prefill) or requests (decode). */
export interface Composition {
  /** `[count]`: the rank of each request; −1 = stays waiting. */
  readonly rankOf: Int32Array;
  /** `[count]`: 0 or 1, its micro-batch there; −1 = stays waiting. */
  readonly microBatchOf: Int8Array;
  /** Requests that found no room, in order of arrival. */
  readonly waiting: readonly number[];
  /** `[ranks]`: what the ranks then have. */
  readonly work: Float64Array;
  readonly kvTokens: Float64Array;
}

/**
 * Gives every waiting request a rank and a micro-batch. Balance comes first: requests are dealt out so that work (input
 * tokens in prefill, requests in decode) and the cache in use are equal; then requests are exchanged between ranks
 * wherever that saves hops and no rank gets farther from the mean than the farthest was, or than `tolerance` of it.
 * Deterministic.
 */
export function compose(
  phase: Phase,
  requests: WaitingRequests,
  kinds: RequestKinds,
  ranks: RankState,
  tolerance = TOLERANCE,
): Composition {
  const assignment = listRanks(requests, ranks);
  saveHops(requests, ranks, kinds, assignment, phase, tolerance);
  const { rankOf, work, kvTokens } = assignment;
  const waiting = [...rankOf.keys()].filter((request) => rankOf[request] < 0);
  const microBatchOf = microBatches(phase, requests, kinds, ranks, rankOf);
  return { rankOf, microBatchOf, waiting, work, kvTokens };
}
