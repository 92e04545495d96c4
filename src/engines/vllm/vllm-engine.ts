import type { MetricSample } from "../../formats/prometheus-text.ts";
import type { Engine } from "../../serving/engine.ts";
import type { Dialect, RankNaming } from "../http/dialect.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import { type LoadMetrics, loadsFromMetrics } from "../http/reported-metrics.ts";
import { isEngineDead } from "./engine-dead.ts";
import { kvTransfer } from "./kv-transfer.ts";

const CACHE_CONFIG = "vllm:cache_config_info";

/** As of vLLM 0.9; the second name of the KV use is older. With `--disable-log-stats` there are no series at all. */
const metrics: LoadMetrics = {
  path: "/metrics",
  rankLabel: "engine",
  running: ["vllm:num_requests_running"],
  waiting: ["vllm:num_requests_waiting"],
  kvUse: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
  capacity: [CACHE_CONFIG],
  kvCapacityTokens,
};

/**
 * A server that balances over its own ranks alone (hybrid balancing) takes their places, though its metrics number them
 * through the deployment (`v1/engine/input_processor.py` of 0.16 to 0.33; tried with 0.32). Responses read it as of vLLM
 * 0.33, the others as of 0.13; embeddings and their like never.
 */
const rankNaming: RankNaming = {
  header: "x-data-parallel-rank",
  fields: [],
  reads: (path) => READ_RANKS.test(path),
};
const READ_RANKS =
  /^\/(?:v1\/(?:chat\/completions|completions|responses|messages)|inference\/v1\/generate)(?:\?|$)/;

const vllm: Dialect = {
  name: "vLLM",
  ranks: rankNaming,
  orca: true,
  routedExperts: "given",
  reportsDeath: isEngineDead,
  adapterMark: null,
  takesAnswerId: true,
  loads: async (ask, ranks) => loadsFromMetrics(metrics, await ask(metrics.path), ranks),
};

/** vLLM servers (`vllm serve`), whole or by data-parallel rank. */
export function vllmEngine(options: HttpEngineOptions): Engine {
  return new HttpEngine(vllm, options, kvTransfer);
}

/** Reported in the labels of a metric whose value is always 1. */
function kvCapacityTokens(samples: readonly MetricSample[]): number | null {
  const infos = samples.filter(({ name }) => name === CACHE_CONFIG);
  const tokens = infos.reduce(
    (sum, { labels }) => sum + Number(labels.get("block_size")) * Number(labels.get("num_gpu_blocks")),
    0,
  );
  return tokens > 0 ? tokens : null;
}
