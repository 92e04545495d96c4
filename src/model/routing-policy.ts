/**
 * How a pool's requests are routed.
 * - `expert-aware`: load, cached prefixes and sessions, and the node hops of the experts a request is expected to use;
 * - `cache-aware`: the same without the experts;
 * - `least-load`: where the least work waits;
 * - `power-of-two`: the less loaded of two shards drawn at random;
 * - `round-robin`: each in turn;
 * - `consistent-hash`: every session, else tenant, on a shard of its own choosing, as long as that serves;
 * - `prefill`: equal input tokens per rank; `decode`: equal KV use and request counts (DeepSeek's two objectives).
 */
export const ROUTING_POLICIES = [
  "expert-aware",
  "cache-aware",
  "least-load",
  "power-of-two",
  "round-robin",
  "consistent-hash",
  "prefill",
  "decode",
] as const;

export type RoutingPolicy = (typeof ROUTING_POLICIES)[number];
