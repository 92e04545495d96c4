import type { MetricSample } from "../../formats/prometheus-text.ts";
import type { Engine } from "../../serving/engine.ts";
import type { Dialect } from "../http/dialect.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import { type LoadMetrics, loadsFromMetrics } from "../http/reported-metrics.ts";

const BLOCKS = "trtllm_kv_cache_max_blocks";
const BLOCK_TOKENS = "trtllm_kv_cache_tokens_per_block";

/**
 * Listed by servers that run with `return_perf_metrics: true`. `/metrics` is something else there: a queue of
 * iterations, from which each reader removes what it reads.
 */
const metrics: LoadMetrics = {
  path: "/prometheus/metrics",
  rankLabel: null,
  running: ["trtllm_num_requests_running"],
  waiting: ["trtllm_num_requests_waiting"],
  kvUse: ["trtllm_kv_cache_utilization"],
  capacity: [BLOCKS, BLOCK_TOKENS],
  kvCapacityTokens,
};

const trtllm: Dialect = {
  name: "TensorRT-LLM",
  ranks: null,
  orca: false,
  routedExperts: null,
  reportsDeath: null,
  adapterMark: null,
  takesAnswerId: true,
  loads: async (ask, ranks) => loadsFromMetrics(metrics, await ask(metrics.path), ranks),
};

/** TensorRT-LLM servers (`trtllm-serve`). */
export function trtllmEngine(options: HttpEngineOptions): Engine {
  return new HttpEngine(trtllm, options);
}

function kvCapacityTokens(samples: readonly MetricSample[]): number | null {
  const blocks = samples.find(({ name }) => name === BLOCKS)?.value;
  const tokens = samples.find(({ name }) => name === BLOCK_TOKENS)?.value;
  return blocks !== undefined && tokens !== undefined && blocks * tokens > 0 ? blocks * tokens : null;
}
