import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { RunEvent, WindowPoint } from "../../twin/run/run-log.ts";
import { knownNumber } from "../known-number.ts";
import type { PolicyLog } from "../policy-log.ts";
import { type Axis, linearAxis, roundEnd, stepText } from "./axis.ts";
import type { Chart, Mark, Notch } from "./chart.ts";
import { timeAxis } from "./time-axis.ts";

interface Measure {
  readonly title: string;
  readonly unit: string;
  readonly of: (point: WindowPoint) => number | null;
  readonly text: (value: number | null) => string;
  /** Where the axis ends by nature. */
  readonly end?: number;
  /** Parts, shown in percent. */
  readonly percent?: true;
  /** Of which there is no half. */
  readonly whole?: true;
}

const percentText = (value: number | null) => `${decimals(value === null ? null : value * 100, 1)} %`;

const MEASURES: readonly Measure[] = [
  {
    title: "Balancedness",
    unit: "mean load of a GPU ÷ that of the fullest, over steps and layers",
    of: (point) => point.balancedness,
    text: (value) => decimals(value, 3),
    end: 1,
  },
  {
    title: "Step time",
    unit: "ms, mean of a window",
    of: (point) => point.meanStepMs,
    text: (value) => milliseconds(value),
  },
  {
    title: "Node hops",
    unit: "per token and layer",
    of: (point) => point.nodeHopsPerToken,
    text: (value) => decimals(value, 3),
  },
  {
    title: "Hops",
    unit: "between GPUs, per token and layer",
    of: (point) => point.hopsPerToken,
    text: (value) => decimals(value, 3),
  },
  {
    title: "Requests that run",
    unit: "at a window's end, over all ranks",
    of: (point) => point.running,
    text: (value) => decimals(value, 0),
    whole: true,
  },
  {
    title: "Requests that wait",
    unit: "at a window's end, over all ranks",
    of: (point) => point.waiting,
    text: (value) => decimals(value, 0),
    whole: true,
  },
  {
    title: "Cache in use",
    unit: "percent of all ranks' key-value cache",
    of: (point) => point.kvUse,
    text: percentText,
    percent: true,
  },
  {
    title: "Cache in use, fullest rank",
    unit: "percent of its key-value cache",
    of: (point) => point.kvUseMost,
    text: percentText,
    percent: true,
  },
];

const PARTS = 8;
const TICKS = 4;

/** What a pool's windows say over time: a chart for each measure, a line for each policy. */
export function timeCharts(logs: readonly PolicyLog[], pool: string): Chart[] {
  const runs = logs.map((log) => ({ log, windows: log.pools.get(pool)?.windows ?? [] }));
  const untilMs = Math.max(0, ...runs.flatMap(({ windows }) => windows.at(-1)?.atMs ?? []));
  if (untilMs === 0) return [];
  const { axis, title } = timeAxis(untilMs);
  const events = runs.flatMap(({ log }) => log.events.filter((event) => event.pool === pool));
  const notches = runs.flatMap(({ log }) =>
    log.events
      .filter((event) => event.pool === pool && event.kind === "placement")
      .map((event): Notch => ({ x: event.atMs, policy: log.policy.name })),
  );
  const shared = { x: axis, xTitle: title, marks: marksOf(events) };
  return MEASURES.flatMap((measure): Chart[] => {
    const lines = runs.map(({ log, windows }) => ({
      policy: log.policy,
      points: windows.map((point) => [point.atMs, knownNumber(measure.of(point))] as const),
    }));
    const most = Math.max(Number.NEGATIVE_INFINITY, ...lines.map(({ points }) => greatest(points)));
    // Hops between nodes where there is only one, a cache nobody has: nothing to see.
    if (most === Number.NEGATIVE_INFINITY || (most === 0 && measure.title.endsWith("ops"))) return [];
    const texts = partTexts(lines, untilMs, measure);
    return [
      {
        ...shared,
        title: measure.title,
        unit: measure.unit,
        y: valueAxis(measure, most),
        lines: lines.map(({ policy, points }) => ({ policy: policy.name, points })),
        notches: measure.title === "Balancedness" ? notches : [],
        says: `${measure.title} over time. ${lines.map(({ policy }, i) => `${policy.title}: from ${texts[0][i]} to ${texts.at(-1)?.[i]}`).join("; ")}.`,
        table: {
          caption: `${measure.title}, ${measure.unit}, mean by part of the run`,
          columns: ["Until", ...lines.map(({ policy }) => policy.title)],
          rows: texts.map((cells, i) => ({
            header: `${decimals(((untilMs / 1000) * (i + 1)) / PARTS, untilMs < 10_000 ? 2 : 0)} s`,
            cells,
          })),
        },
      },
    ];
  });
}

function valueAxis({ end, percent, whole }: Measure, most: number): Axis {
  const each = percent ? 100 : 1;
  const label = (value: number, step: number) => stepText(value * each, step * each);
  return linearAxis(end ?? roundEnd(whole ? Math.max(most, TICKS) : most, TICKS), TICKS, label);
}

function greatest(points: readonly (readonly [number, number | null])[]): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const [, value] of points) if (value !== null && value > most) most = value;
  return most;
}

/** What all policies met alike: ranks lost and found, and changes of the traffic. */
function marksOf(events: readonly RunEvent[]): readonly Mark[] {
  const seen = new Map<string, Mark>();
  for (const { kind, atMs } of events) {
    if (kind !== "rank-lost" && kind !== "rank-back" && kind !== "traffic") continue;
    const label = { "rank-lost": "rank lost", "rank-back": "rank back", traffic: "traffic" }[kind];
    seen.set(`${atMs} ${kind}`, { x: atMs, label });
  }
  return [...seen.values()].toSorted((a, b) => a.x - b.x);
}

type Points = readonly (readonly [x: number, y: number | null])[];

/** Means over equal parts of the run, by part and policy. */
function partTexts(
  lines: readonly { readonly points: Points }[],
  untilMs: number,
  measure: Measure,
): readonly (readonly string[])[] {
  const means = lines.map(({ points }) => {
    const sums = new Float64Array(PARTS);
    const counts = new Int32Array(PARTS);
    for (const [x, y] of points) {
      if (y === null) continue;
      const part = Math.min(PARTS - 1, Math.max(0, Math.ceil((x / untilMs) * PARTS) - 1));
      sums[part] += y;
      counts[part]++;
    }
    return Array.from(sums, (sum, part) => (counts[part] === 0 ? null : sum / counts[part]));
  });
  return Array.from({ length: PARTS }, (_, part) => means.map((mean) => measure.text(mean[part])));
}
