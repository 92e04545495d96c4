import { percentileIn } from "../lib/log-histogram.ts";
import type { PoolRow } from "../control/history/pool-row.ts";
import type { TrafficRow } from "../control/history/traffic-row.ts";

type Pool = Omit<PoolRow, "atS" | "seconds">;
type Traffic = Omit<TrafficRow, "atS" | "seconds">;

/** One figure of a history. */
export interface HistoryFigure {
  /** In JSON. */
  readonly key: string;
  /** In CSV, with its unit. */
  readonly column: string;
  /** Null for what was not measured. */
  readonly of: (pool: Pool, traffic: Traffic | null) => number | null;
}

function latency(key: string, column: string, name: "ttft" | "itl", percent: number): HistoryFigure {
  return { key, column, of: (_, traffic) => traffic && percentileIn(traffic[name], percent) };
}

/** In their order. */
export const HISTORY_FIGURES: readonly HistoryFigure[] = [
  { key: "measuredMs", column: "measured_ms", of: ({ spanMs }) => spanMs },
  {
    key: "tokensPerSecond",
    column: "tokens_per_s",
    of: ({ tokens, spanMs }) => ratio(tokens / 100, spanMs / 1000),
  },
  { key: "balancedness", column: "balancedness", of: ({ sumMean, sumMax }) => ratio(sumMean, sumMax) },
  {
    key: "nodeHopsPerToken",
    column: "node_hops_per_token_and_layer",
    of: ({ nodeHops, pairs }) => ratio(nodeHops, pairs),
  },
  { key: "hopsPerToken", column: "hops_per_token_and_layer", of: ({ hops, pairs }) => ratio(hops, pairs) },
  { key: "stepMs", column: "step_ms", of: ({ stepTime, steps }) => ratio(stepTime / 1000, steps) },
  { key: "peak", column: "fullest_gpu_times_mean", of: ({ peak }) => (peak === 0 ? null : peak / 1000) },
  {
    key: "running",
    column: "running_requests_mean",
    of: ({ running, queueWindows }) => ratio(running, queueWindows),
  },
  {
    key: "waiting",
    column: "waiting_requests_most",
    of: ({ waiting, queueWindows }) => (queueWindows === 0 ? null : waiting),
  },
  {
    key: "kvUse",
    column: "kv_use_most",
    of: ({ kvUse, queueWindows }) => (queueWindows === 0 ? null : kvUse / 1000),
  },
  { key: "lostRanks", column: "lost_ranks_most", of: ({ lostRanks }) => lostRanks },
  { key: "missingExperts", column: "missing_experts_most", of: ({ missingExperts }) => missingExperts },
  { key: "epoch", column: "epoch_last", of: ({ epoch }) => epoch },
  {
    key: "requestsPerSecond",
    column: "requests_per_s",
    of: (_, traffic) => traffic && ratio(traffic.ended, traffic.spanMs / 1000),
  },
  {
    key: "failedPerSecond",
    column: "failed_requests_per_s",
    of: (_, traffic) => traffic && ratio(traffic.failed, traffic.spanMs / 1000),
  },
  latency("ttftP50", "ttft_p50_ms", "ttft", 50),
  latency("ttftP95", "ttft_p95_ms", "ttft", 95),
  latency("ttftP99", "ttft_p99_ms", "ttft", 99),
  latency("itlP50", "itl_p50_ms", "itl", 50),
  latency("itlP95", "itl_p95_ms", "itl", 95),
  latency("itlP99", "itl_p99_ms", "itl", 99),
];

function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}
