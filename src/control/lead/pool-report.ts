import type { PoolReport } from "../../model/pool-report.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { gpuCount } from "../../model/topology.ts";
import { gpuCosts } from "./gpu-costs.ts";

/** What a report says beside the window and the snapshot. */
export interface ReportContext {
  readonly atMs: number;
  readonly layerNumbers: readonly number[];
  readonly topk: number;
  readonly expertLoad: PoolReport["expertLoad"];
  readonly movedSlots: number;
  readonly placedAtMs: number | null;
  readonly decision: string;
  readonly explanation: unknown;
  readonly lagMs: number | null;
  readonly loads: PoolReport["loads"];
  readonly beside: PoolReport["beside"];
}

/** Puts the last window of a pool into the plain JSON that people and dashboards read. */
export function poolReport(
  snapshot: RoutingSnapshot,
  window: PoolWindow,
  context: ReportContext,
): PoolReport {
  const { layers, experts, topology } = snapshot.placement;
  const pairs = window.tokens * layers;
  const gpus = gpuCount(topology);
  const { peaks, holds, layerBalancedness } = gpuCosts(window.gpuLoad, gpus, window.serving);
  return {
    pool: snapshot.pool,
    model: snapshot.model,
    atMs: context.atMs,
    topology,
    epoch: snapshot.epoch,
    layers,
    layerNumbers: context.layerNumbers,
    experts,
    topk: context.topk,
    tokensPerSecond: (window.tokens * 1000) / window.spanMs,
    balancedness: ratio(window.sumMean, window.sumMax),
    nodeHopsPerToken: ratio(window.nodeHops, pairs),
    hopsPerToken: ratio(window.hops, pairs),
    stepMs: ratio(window.stepMs, window.steps),
    expertLoad: context.expertLoad,
    gpuLoad: relativeGpuLoad(window.gpuLoad, gpus, window.serving.length),
    gpuPeak: peaks,
    gpuHolds: holds,
    activated: activatedOf(window),
    layerBalancedness,
    ranks: window.ranks.map(({ running, waiting, kvTokens, kvCapacityTokens }) => ({
      running,
      waiting,
      kvUse: kvCapacityTokens === 0 ? 0 : kvTokens / kvCapacityTokens,
    })),
    movedSlots: context.movedSlots,
    placedAtMs: context.placedAtMs,
    decision: context.decision,
    explanation: context.explanation,
    lagMs: context.lagMs,
    loads: context.loads,
    beside: context.beside,
  };
}

/** Null where there is nothing to divide by, or where the engines do not report it (NaN). */
function ratio(part: number, whole: number): number | null {
  return whole > 0 && Number.isFinite(part) ? part / whole : null;
}

function activatedOf({ activated = null }: PoolWindow): PoolReport["activated"] {
  if (activated === null) return null;
  return { perGpu: Array.from(activated.perGpu, toThousandth), estimated: activated.estimated };
}

/** Load of every GPU over all layers relative to the mean of those in service, three decimals. */
function relativeGpuLoad(gpuLoad: Float64Array, gpus: number, serving: number): number[] {
  const sums = new Float64Array(gpus);
  let total = 0;
  for (let i = 0; i < gpuLoad.length; i++) {
    sums[i % gpus] += gpuLoad[i];
    total += gpuLoad[i];
  }
  const scale = total === 0 ? 0 : serving / total;
  return Array.from(sums, (sum) => toThousandth(sum * scale));
}

function toThousandth(value: number): number {
  return Math.round(value * 1000) / 1000;
}
