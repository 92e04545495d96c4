import { ROUTING_POLICIES } from "./routing-policy.ts";

/**
 * How a simulated gateway gives requests to ranks.
 * - `least-in-flight`: on arrival, the rank with the fewest requests in flight, then the fewest tokens;
 * - `composed`: before every step all that wait at once, as equal in number and cache, on ranks whose node holds the
 *   experts that their tenant is expected to use (core/batching);
 * - a gateway's routing policy: on arrival, as the gateway does.
 */
export const RANK_ASSIGNMENTS = ["least-in-flight", "composed", ...ROUTING_POLICIES] as const;

export type RankAssignment = (typeof RANK_ASSIGNMENTS)[number];
