import { BATCHING, type Batching } from "../pool/batching.ts";
import type { ServingPoint } from "./serving-point.ts";

/** How a measured point was run, as far as its benchmark's published scripts say. */
export interface BenchmarkSettings {
  /** Whether its engines overlap two micro-batches. */
  readonly overlaps: boolean;
  readonly batching: Batching;
  /** Steps without prompts after which an engine looks for new requests. After a step with prompts it does so at once. */
  readonly pollSteps: number;
  /**
   * Steps for which an engine with several ranks holds prompts back at most, until each rank has one to compute: ranks
   * in lockstep wait for each other's prompts. 0 where none is held back.
   */
  readonly gatherSteps: number;
  /** Prompts are held back beside answers until a step would have so many tokens, or for so many steps; null where they are not. */
  readonly batchWait: { readonly tokens: number; readonly steps: number } | null;
  /** Requests of a client, one after the other. */
  readonly rounds: number;
  /**
   * Whether the clients' first requests come all at once, and count. Else they begin spread over the time of a request,
   * and the first of each does not count.
   */
  readonly together: boolean;
}

/** InferenceX sends ten times as many requests as are in flight. */
const ROUNDS = 10;
const RUNNING = 1024;
/** vLLM's `--max-num-batched-tokens` on large GPUs, and the least of TensorRT-LLM's in these scripts. */
const STEP_TOKENS = 8192;
/** SGLang's `--chunked-prefill-size` in these scripts: of FP4, and of all else. */
const SGLANG_STEP_TOKENS = { fp4: 16_384, other: 32_768 };
/** Models that SGLang's Blackwell scripts run with `--scheduler-recv-interval`: 10 steps, 30 from 16 requests on. */
const POLLED = /^(deepseek-r1|deepseek-v3|qwen3\.5)/;

/** Models whose TensorRT-LLM script leaves `timeout_iters` to its default. */
const GATHERED_SOONER = /^gpt-oss/;

/**
 * Of InferenceX (SemiAnalysisAI/InferenceX, benchmarks/single_node), which most points come from. Its lengths are drawn;
 * points with fixed lengths come from elsewhere, show no burst, and are run without one: begun together, clients whose
 * requests are all alike would stay in step for ever.
 */
export function benchmarkSettings(point: ServingPoint): BenchmarkSettings {
  const { backend, gpu, model, concurrency, lengthRatio } = point;
  const sglang = backend === "sglang";
  const polled =
    sglang && point.prefill === null && gpu.generation === "blackwell" && POLLED.test(model.name);
  return {
    overlaps: false,
    // TensorRT-LLM fills its steps like vLLM: answers, and prompts beside them.
    batching: {
      ...(sglang ? BATCHING.sglang : BATCHING.vllm),
      stepTokens: stepTokens(point),
      runningPerRank: RUNNING,
    },
    gatherSteps: gatherSteps(point),
    batchWait: batchWait(point),
    pollSteps: polled ? (concurrency >= 16 ? 30 : 10) : 1,
    rounds: ROUNDS,
    together: lengthRatio < 1,
  };
}

/** TensorRT-LLM's `attention_dp_config` in these scripts: `timeout_iters: 60`, or its default. */
function gatherSteps({ backend, model, prefill, decode }: ServingPoint): number {
  if (backend !== "trtllm" || prefill !== null || decode.dp === 1) return 0;
  return GATHERED_SOONER.test(model.name) ? 50 : 60;
}

/** TensorRT-LLM's `batch_wait_timeout_iters` and `batch_wait_max_tokens_ratio` in the FP8 script for Blackwell. */
function batchWait(point: ServingPoint): BenchmarkSettings["batchWait"] {
  const { backend, gpu, precision, isl, osl, concurrency, version, prefill, decode } = point;
  const waits =
    backend === "trtllm" && gpu.generation === "blackwell" && precision === "fp8" && version !== "";
  const chat = isl === 1024 && osl === 1024 && concurrency >= 64;
  if (!waits || !chat || prefill !== null || decode.dp > 1) return null;
  return { tokens: 0.8 * stepTokens(point), steps: 40 };
}

function stepTokens({ backend, precision, isl, concurrency }: ServingPoint): number {
  switch (backend) {
    case "sglang":
      return precision === "fp4" ? SGLANG_STEP_TOKENS.fp4 : SGLANG_STEP_TOKENS.other;
    case "trtllm":
      return Math.max(STEP_TOKENS, isl + concurrency + 64);
    default:
      return STEP_TOKENS;
  }
}
