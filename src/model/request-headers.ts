/** The client's choice of a shard, by its index in the pool; the gateway names it to engines in their own way. */
export const RANK_HEADER = "x-data-parallel-rank";

/** Headers of one connection only (RFC 9110 §7.6.1), and those each side of a proxy sets for itself. */
export const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
  // Frames can be found only in plain text.
  "accept-encoding",
]);
