import type { KvRoom } from "../../core/cost/kv-room.ts";
import type { Batching } from "./batching.ts";
import { RankCache } from "./rank-cache.ts";

/** vLLM: behind what its scheduler plans for, a draft layer writes as many tokens as it drafts (`num_lookahead_tokens`). */
export function lookaheadOf(batching: Batching, drafts: number): number {
  return batching.order === "decode-first" && batching.admission === "prompt" ? drafts : 0;
}

/** vLLM: of what a request finds, a draft layer has not seen the last page (`use_eagle_block_drop`). */
export function newCache(room: KvRoom, batching: Batching, drafts: number): RankCache {
  const dropped = Math.min(1, lookaheadOf(batching, drafts));
  return new RankCache(room, batching.pageTokens, batching.prefixCache, dropped);
}
