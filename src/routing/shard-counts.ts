/** What is in flight on a pool's shards, `[shards]` each. */
export interface ShardCounts {
  readonly requests: Int32Array;
  readonly tokens: Float64Array;
  readonly prefillTokens: Float64Array;
}

/** The counts as they are now. */
export function copyOf({ requests, tokens, prefillTokens }: ShardCounts): ShardCounts {
  return { requests: requests.slice(), tokens: tokens.slice(), prefillTokens: prefillTokens.slice() };
}

/** Adds counts, or with −1 takes them off. */
export function add(to: ShardCounts, counts: ShardCounts, sign: 1 | -1): void {
  for (let shard = 0; shard < to.requests.length; shard++) {
    to.requests[shard] += sign * counts.requests[shard];
    to.tokens[shard] += sign * counts.tokens[shard];
    to.prefillTokens[shard] += sign * counts.prefillTokens[shard];
  }
}
