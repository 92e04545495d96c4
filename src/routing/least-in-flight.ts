import type { Filter, Policy, Scorer } from "./policy.ts";

const untried: Filter = (choice, shard) => !choice.tried.includes(shard);

const requestsInFlight: Scorer = (choice, shard) => choice.loads.requests[shard];

const tokensInFlight: Scorer = (choice, shard) => choice.loads.tokens[shard];

/** The shard with the fewest requests in flight, among those the one with the fewest tokens. */
export const leastInFlight: Policy = { filters: [untried], scorers: [requestsInFlight, tokensInFlight] };
