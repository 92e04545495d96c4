import type { PoolReport } from "../../model/pool-report.ts";
import { type Family, counter, gauge } from "../family.ts";
import type { Readings } from "../readings.ts";

type Measured = number | null | undefined;

/** How a pool's load is spread, as its leader reports it of the last window. */
export function balanceFamilies(readings: Readings): Family[] {
  const { pools, nowMs } = readings;
  const perPool =
    (value: (report: PoolReport) => Measured): Family["read"] =>
    (observe) => {
      for (const report of pools()) {
        const reading = value(report);
        if (isKnown(reading)) observe(reading, report.pool);
      }
    };
  const of = (name: string, help: string, value: (report: PoolReport) => Measured) =>
    gauge(name, ["pool"], help, perPool(value));
  /** One for each row of a report. */
  const each = (
    name: string,
    label: string,
    help: string,
    rows: (report: PoolReport) => readonly Measured[],
    numbers: (report: PoolReport) => readonly number[] = () => [],
  ) =>
    gauge(name, ["pool", label], help, (observe) => {
      for (const report of pools()) {
        const called = numbers(report);
        rows(report).forEach((value, i) => {
          if (isKnown(value)) observe(value, report.pool, String(called[i] ?? i));
        });
      }
    });
  const layers = ({ layerNumbers }: PoolReport) => layerNumbers;
  return [
    of("plimsoll_balancedness", "Sum of mean over sum of maximum GPU load, 0 to 1", (r) => r.balancedness),
    of(
      "plimsoll_pool_step_factor",
      "How many times as long a step's experts take as with an even split: 1 over balancedness",
      (r) => (r.balancedness === null || r.balancedness <= 0 ? null : 1 / r.balancedness),
    ),
    each(
      "plimsoll_layer_balancedness",
      "layer",
      "Mean over maximum GPU load of one layer, summed over the window, 0 to 1",
      (r) => r.layerBalancedness,
      layers,
    ),
    of("plimsoll_hottest_expert_factor", "Load of the hottest expert of any layer over an even part", (r) =>
      greatest(r.expertLoad.map(greatest)),
    ),
    each(
      "plimsoll_layer_hottest_expert_factor",
      "layer",
      "Load of a layer's hottest expert over an even part",
      (r) => r.expertLoad.map(greatest),
      layers,
    ),
    each(
      "plimsoll_rank_load_ratio",
      "rank",
      "A rank's load, summed over layers, over the mean rank's",
      (r) => r.gpuLoad,
    ),
    each(
      "plimsoll_rank_peak_load_ratio",
      "rank",
      "A rank's load over the mean rank's, in the layer where that is most",
      (r) => r.gpuPeak.map(({ timesMean }) => timesMean),
    ),
    each(
      "plimsoll_rank_hold_ratio",
      "rank",
      "How much longer a step takes for a rank that has more than the others, in parts of an even one",
      (r) => r.gpuHolds,
    ),
    of("plimsoll_node_hops_per_token", "Node hops per token and layer", (r) => r.nodeHopsPerToken),
    of("plimsoll_hops_per_token", "Rank hops per token and layer", (r) => r.hopsPerToken),
    of("plimsoll_tokens_per_second", "Tokens the pool forwarded per second", (r) => r.tokensPerSecond),
    of("plimsoll_report_age_seconds", "Age of the last window that the pool's leader has reported", (r) =>
      age(nowMs(), r.atMs),
    ),
    of(
      "plimsoll_rebalance_age_seconds",
      "Time since the placement in force was published; shares may be newer",
      (r) => (r.placedAtMs === null ? null : age(nowMs(), r.placedAtMs)),
    ),
    counter(
      "plimsoll_moved_slots_total",
      ["pool"],
      "Physical experts moved since the start",
      perPool((r) => r.movedSlots),
    ),
    gauge(
      "plimsoll_unused_ranks",
      ["pool", "why"],
      "Ranks whose reported loads the last window is made without, by why",
      (observe) => {
        for (const { pool, loads } of pools()) {
          if (loads === null) continue;
          observe(loads.otherKind.length, pool, "other_kind");
          observe(loads.missing.length, pool, "missing");
          observe(loads.implausible.length, pool, "implausible");
        }
      },
    ),
  ];
}

function isKnown(value: Measured): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** Null of nothing, and of a layer without load. */
function greatest(values: readonly Measured[]): number | null {
  const most = Math.max(0, ...values.filter(isKnown));
  return most === 0 ? null : most;
}

/** Clocks of two machines differ. */
function age(nowMs: number, atMs: number): number {
  return Math.max(0, (nowMs - atMs) / 1000);
}
