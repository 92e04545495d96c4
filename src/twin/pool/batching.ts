import type { BatchedEngine } from "../../model/batched-engine.ts";

/** How an engine composes its steps, and how it shares a rank's cache out. */
export interface Batching {
  /**
   * Decode first: one step has the next token of every answer, then prompts as far as its tokens last. Prefill first:
   * while prompts can be forwarded they are, and answers wait.
   */
  readonly order: "decode-first" | "prefill-first";
  /** Prefill first: answers go on in the steps of prompts, out of the same tokens. */
  readonly mixed: boolean;
  /** Tokens that a rank forwards in a step at most. */
  readonly stepTokens: number;
  /** Requests that run on a rank at most. */
  readonly runningPerRank: number;
  /** Tokens of cache that a request takes at a time. */
  readonly pageTokens: number;
  /**
   * What a request needs room for when it starts. Whole: for itself to its end, so that none ever gives its cache up.
   * Prompt: for what is known of it. Estimate: for itself to its end, beside a part of what the others still grow.
   */
  readonly admission: "whole" | "prompt" | "estimate";
}

/** Requests that a rank decodes at once: DeepSeek-V3 on SGLang ran 256 per GPU (LMSYS, 96 × H100). */
const RUNNING = 256;

/** Of a pool whose engine nothing is known of. Its steps bound how long a prompt holds up everybody's next token. */
export const PLAIN_BATCHING: Batching = {
  order: "decode-first",
  mixed: false,
  stepTokens: 2048,
  runningPerRank: RUNNING,
  pageTokens: 1,
  admission: "whole",
};

/**
 * vLLM 0.32: `get_batch_defaults` (`engine/arg_utils.py`) for the API server on GPUs of 70 GiB and more;
 * `DEFAULT_BLOCK_SIZE` (`config/cache.py`); `scheduler_reserve_full_isl` (`config/scheduler.py`). Each data-parallel
 * rank has a scheduler of its own, with all of these.
 *
 * SGLang 0.5.23: its makers' launch of DeepSeek-V3 on 32 ranks, `--chunked-prefill-size 524288` and
 * `--max-running-requests 8192`, of which each rank has a 32nd; 16,384 is also the default of `max_prefill_tokens`
 * (`arg_groups/fields/schedule.py`, where `enable_mixed_chunk` is off). Without options a rank of that launch would
 * forward 8192 / 32 tokens (`arg_groups/memory_hook.py`, `parallel_hook.py`).
 */
export const BATCHING: Readonly<Record<BatchedEngine, Batching>> = {
  vllm: {
    order: "decode-first",
    mixed: false,
    stepTokens: 8192,
    runningPerRank: 1024,
    pageTokens: 16,
    admission: "prompt",
  },
  sglang: {
    order: "prefill-first",
    mixed: false,
    stepTokens: 16_384,
    runningPerRank: RUNNING,
    pageTokens: 1,
    admission: "estimate",
  },
};
