import { BATCHING, type Batching } from "../pool/batching.ts";
import type { ServingPoint } from "./serving-point.ts";

/** How a measured point was run, as far as its benchmark's published scripts say. */
export interface BenchmarkSettings {
  /** Whether its engines overlap two micro-batches. */
  readonly overlaps: boolean;
  readonly batching: Batching;
  /** Steps without prompts after which an engine looks for new requests. After a step with prompts it does so at once. */
  readonly pollSteps: number;
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
    pollSteps: polled ? (concurrency >= 16 ? 30 : 10) : 1,
    rounds: ROUNDS,
    together: lengthRatio < 1,
  };
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
