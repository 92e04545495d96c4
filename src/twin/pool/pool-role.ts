/** What a pool's ranks do of a request. */
export type PoolRole = "mixed" | "prefill" | "decode";
