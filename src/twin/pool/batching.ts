import type { BatchedEngine } from "../../model/batched-engine.ts";

/** How an engine composes its steps, and how it shares a rank's cache out. */
export type Batching = DecodeFirstBatching | PrefillFirstBatching;

interface AnyBatching {
  /** Tokens that a rank forwards in a step at most. */
  readonly stepTokens: number;
  /** Requests that run on a rank at most. */
  readonly runningPerRank: number;
  /** Tokens of cache that a request takes at a time. */
  readonly pageTokens: number;
  /** Whether what is in the cache is found again: by prompts that begin alike, and by requests that had to give it up. */
  readonly prefixCache: boolean;
}

/** One step has the next token of every answer, then prompts as far as its tokens last. */
export interface DecodeFirstBatching extends AnyBatching {
  readonly order: "decode-first";
  /** What a request needs room for when it starts: what is known of it, or itself to its end, so that none ever gives its cache up. */
  readonly admission: "prompt" | "whole";
}

/** While prompts can be forwarded they are, and answers wait. */
export interface PrefillFirstBatching extends AnyBatching {
  readonly order: "prefill-first";
  /** Answers go on in the steps of prompts, out of the same tokens. */
  readonly mixed: boolean;
}

/** Requests that a rank decodes at once: DeepSeek-V3 on SGLang ran 256 per GPU (LMSYS, 96 × H100). */
const RUNNING = 256;

/** Of a pool whose engine nothing is known of. Its steps bound how long a prompt holds up everybody's next token. */
export const PLAIN_BATCHING: Batching = {
  order: "decode-first",
  stepTokens: 2048,
  runningPerRank: RUNNING,
  pageTokens: 1,
  prefixCache: true,
  admission: "whole",
};

/**
 * vLLM 0.32: `get_batch_defaults` (`engine/arg_utils.py`) for the API server on GPUs of 70 GiB and more;
 * `DEFAULT_BLOCK_SIZE` (`config/cache.py`); `scheduler_reserve_full_isl` (`config/scheduler.py`). Each data-parallel
 * rank has a scheduler of its own, with all of these; beside DeepEP's low-latency kernels it forwards 256 tokens by default
 * (`DEFAULT_MAX_NUM_BATCHED_TOKENS_FOR_BATCHED_DP`).
 *
 * SGLang 0.5.23: its makers' launch of DeepSeek-V3 on 32 ranks, `--chunked-prefill-size 524288` and
 * `--max-running-requests 8192`, of which each rank has a 32nd; 16,384 is also the default of `max_prefill_tokens`
 * (`arg_groups/fields/schedule.py`, where `enable_mixed_chunk` is off). Without options a rank of that launch would
 * forward 8192 / 32 tokens (`arg_groups/memory_hook.py`, `parallel_hook.py`).
 */
export const BATCHING: { readonly vllm: DecodeFirstBatching; readonly sglang: PrefillFirstBatching } = {
  vllm: {
    order: "decode-first",
    stepTokens: 8192,
    runningPerRank: 1024,
    pageTokens: 16,
    prefixCache: true,
    admission: "prompt",
  },
  sglang: {
    order: "prefill-first",
    mixed: false,
    stepTokens: 16_384,
    runningPerRank: RUNNING,
    pageTokens: 1,
    prefixCache: true,
  },
} satisfies Record<BatchedEngine, Batching>;
