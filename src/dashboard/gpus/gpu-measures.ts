import { SHADES, shadeOf } from "../experts/colour-scale.ts";
import { loadAxisEnd } from "../figures/averages.ts";
import { brief } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import type { GpuCost } from "./gpu-cost.ts";

/** What the GPUs are shown by. */
export type GpuMeasure = "load" | "tokens" | "activated" | "kv" | "waiting" | "running";

export const GPU_MEASURES: readonly {
  readonly value: GpuMeasure;
  readonly title: string;
  readonly what: string;
}[] = [
  {
    value: "load",
    title: "Load",
    what: "Tokens computed over all layers, relative to the mean GPU; on top, how much longer a step takes for each",
  },
  {
    value: "tokens",
    title: "Tokens/s",
    what: "Tokens that a GPU's experts receive per second, mean over the layers; one that is sent to two of its experts counts twice",
  },
  {
    value: "activated",
    title: "Activated experts",
    what: "Of each GPU's slots, those that any token uses, of a step and a layer on average: their weights are read, which small steps wait for",
  },
  { value: "kv", title: "KV cache", what: "The part of the key-value cache in use" },
  { value: "waiting", title: "Waiting", what: "Requests that wait on each rank" },
  { value: "running", title: "Running", what: "Requests that each rank is working on" },
];

/** Beyond it, ranks soon preempt requests. */
const KV_LINE = 0.9;
const LEAST_COUNT = 10;

export interface Line {
  readonly kind: "mean" | "step" | "limit" | "end";
  readonly at: number;
  readonly label: string;
  /** It is over the limit. */
  readonly past: boolean;
}

/** One GPU as it is drawn. */
export interface GpuMark extends Pick<GpuCost, "gpu" | "state"> {
  readonly value: number;
  /** On top of it. */
  readonly extra: number;
  /** A tick; null for none. */
  readonly tick: number | null;
  /** Of a cell, 0..SHADES − 1. */
  readonly shade: number;
  /** It stands out from the others for the worse. */
  readonly stands: boolean;
}

export interface GpuPicture {
  readonly marks: readonly GpuMark[];
  readonly lines: readonly Line[];
  /** Where the axis ends. */
  readonly end: number;
}

/** Tokens per second. */
export interface TokenScale {
  readonly mean: number;
  readonly end: number;
}

/** A GPU that steps wait for so many times as long as for one of all alike stands out. */
const WAITED_FOR = 2;

/**
 * What is drawn of the GPUs.
 * @param factor    how many times as long as an even step a step takes; null where nothing was forwarded
 * @param tokens    per second: of the mean GPU in a layer, and where the scale ends
 */
export function gpuPicture(
  measure: GpuMeasure,
  costs: readonly GpuCost[],
  report: Pick<PoolReport, "ranks" | "activated" | "topology">,
  factor: number | null,
  loadLine: number | null,
  tokens: TokenScale,
): GpuPicture {
  if (measure === "load") return loadPicture(costs, factor, loadLine);
  if (measure === "tokens") return tokenPicture(costs, tokens);
  if (measure === "activated") return activatedPicture(costs, report);
  const { ranks } = report;
  const of = { kv: "kvUse", waiting: "waiting", running: "running" } as const;
  const values = costs.map(({ gpu }) => ranks[gpu]?.[of[measure]] ?? 0);
  const mean = values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);
  const end = measure === "kv" ? 1 : Math.max(LEAST_COUNT, ...values);
  const label = measure === "kv" ? `mean ${Math.round(mean * 100)} %` : `mean ${mean.toFixed(1)}`;
  const limit = { kind: "limit", at: KV_LINE, label: "90 %", past: false } as const;
  return {
    marks: costs.map((cost, i) => ({
      ...plainMark(cost, values[i], end),
      stands: measure === "kv" && values[i] > KV_LINE,
    })),
    lines: [{ kind: "mean", at: mean, label, past: false }, ...(measure === "kv" ? [limit] : [])],
    end,
  };
}

/** A value alone, in its part of the axis. */
function plainMark({ gpu, state }: GpuCost, value: number, end: number): GpuMark {
  const shade = Math.round(Math.min(1, value / end) * (SHADES - 1));
  return { gpu, state, value, extra: 0, tick: null, shade, stands: false };
}

function tokenPicture(costs: readonly GpuCost[], { mean, end }: TokenScale): GpuPicture {
  return {
    marks: costs.map((cost) => plainMark(cost, cost.load * mean, end)),
    lines: [
      { kind: "mean", at: mean, label: `mean ${brief(mean)}`, past: false },
      { kind: "end", at: end, label: `${brief(end)}/s`, past: false },
    ],
    end,
  };
}

/** Against the slots there are. */
function activatedPicture(
  costs: readonly GpuCost[],
  { activated, topology }: Pick<PoolReport, "activated" | "topology">,
): GpuPicture {
  const end = topology.slotsPerGpu;
  const values = costs.map(({ gpu }) => activated?.perGpu[gpu] ?? 0);
  const live = values.filter((value) => value > 0);
  const mean = live.reduce((sum, one) => sum + one, 0) / Math.max(1, live.length);
  const label = `mean ${mean.toFixed(1)}`;
  return {
    marks: costs.map((cost, i) => plainMark(cost, values[i], end)),
    lines: [{ kind: "mean", at: mean, label, past: false }],
    end,
  };
}

/** What a report can be shown by; what it does not say cannot be chosen. */
export function measuresOf({ ranks, activated, topk }: Pick<PoolReport, "ranks" | "activated" | "topk">) {
  const isSaid = {
    load: true,
    tokens: topk > 0,
    activated: activated !== null,
    kv: ranks.length > 0,
    waiting: ranks.length > 0,
    running: ranks.length > 0,
  };
  return GPU_MEASURES.map((one) => ({ ...one, disabled: !isSaid[one.value] }));
}

/** What was chosen, where that is said; else load. */
export function measureIn(options: ReturnType<typeof measuresOf>, chosen: GpuMeasure): GpuMeasure {
  return options.some(({ value, disabled }) => value === chosen && !disabled) ? chosen : "load";
}

function loadPicture(costs: readonly GpuCost[], factor: number | null, loadLine: number | null): GpuPicture {
  const alike = costs.reduce((sum, { holds }) => sum + holds, 0) / Math.max(1, costs.length);
  const past = factor !== null && loadLine !== null && factor > loadLine;
  const lines: Line[] = [{ kind: "mean", at: 1, label: "mean", past: false }];
  if (factor !== null) lines.push({ kind: "step", at: factor, label: `step ${factor.toFixed(2)} ×`, past });
  if (loadLine !== null)
    lines.push({ kind: "limit", at: loadLine, label: `line ${loadLine.toFixed(2)} ×`, past });
  return {
    marks: costs.map(({ gpu, state, load, holds, peak }) => ({
      gpu,
      state,
      value: load,
      extra: holds,
      tick: peak.timesMean > 0 ? peak.timesMean : null,
      shade: shadeOf(load),
      stands: holds > 0 && holds > WAITED_FOR * alike,
    })),
    lines,
    end: loadAxisEnd([...costs.map(({ load, holds }) => load + holds), ...lines.map(({ at }) => at * 1.05)]),
  };
}
