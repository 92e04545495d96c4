import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { Sample } from "../../lib/sample.ts";
import type { PolicyLog } from "../policy-log.ts";
import { type Axis, linearAxis, logAxis, roundEnd, stepText } from "./axis.ts";
import type { Chart } from "./chart.ts";

const LATENCIES: readonly (readonly [title: string, short: string, of: (log: PolicyLog) => Sample])[] = [
  ["Time to first token", "TTFT", (log) => log.ttftMs],
  ["Time per output token", "TPOT, the first left out", (log) => log.tpotMs],
  ["Time to last token", "E2E", (log) => log.e2eMs],
];

/** Requests are shown as far as this part of them; the slowest would take all the width. */
const SHOWN = 0.995;
/** Above this ratio of the greatest to the least a linear axis hides most of it. */
const WIDE = 20;
const PERCENTILES = [10, 50, 90, 95, 99, 100] as const;
const STEPS = 400;
/** From here on the axis is in seconds. */
const SECONDS_FROM_MS = 10_000;

/** Which part of the requests has waited no longer: a chart for each latency, a line for each policy. */
export function latencyCharts(logs: readonly PolicyLog[]): Chart[] {
  return LATENCIES.flatMap(([title, short, of]) => {
    const samples = logs.map((log) => ({ policy: log.policy, sorted: of(log).sorted() }));
    return samples.every(({ sorted }) => sorted.length === 0) ? [] : [latencyChart(title, short, samples)];
  });
}

interface PolicySample {
  readonly policy: PolicyLog["policy"];
  readonly sorted: Float64Array;
}

function latencyChart(title: string, short: string, all: readonly PolicySample[]): Chart {
  const samples = all.filter(({ sorted }) => sorted.length > 0);
  const { axis, kind } = latencyAxis(samples);
  return {
    title,
    unit: `${short}; percent of requests within that time`,
    xTitle: kind,
    x: axis,
    y: linearAxis(1, 5, (part) => decimals(part * 100, 0)),
    lines: samples.map(({ policy, sorted }) => ({ policy: policy.name, points: cumulated(sorted) })),
    marks: [],
    notches: [],
    says: sentence(title, samples),
    table: {
      caption: `${title}, ms, by percentile`,
      columns: ["Percentile", ...samples.map(({ policy }) => policy.title)],
      rows: PERCENTILES.map((percentile) => ({
        header: percentile === 100 ? "slowest" : `p${percentile}`,
        cells: samples.map(({ sorted }) => milliseconds(quantile(sorted, percentile / 100))),
      })),
    },
  };
}

function latencyAxis(samples: readonly PolicySample[]): { axis: Axis; kind: string } {
  const low = Math.min(...samples.map(({ sorted }) => quantile(sorted, 1 - SHOWN)));
  const high = Math.max(...samples.map(({ sorted }) => quantile(sorted, SHOWN)));
  const [each, unit] = high >= SECONDS_FROM_MS ? [1000, "s"] : [1, "ms"];
  const cut = `; the slowest ${decimals((1 - SHOWN) * 100, 1)} % are not shown`;
  if (low > 0 && high / low > WIDE) {
    const label = (value: number) => stepText(value / each, 10 ** Math.floor(Math.log10(value / each)));
    return { axis: logAxis(low, high, label), kind: `${unit}, each decade as wide as the next${cut}` };
  }
  const label = (value: number, step: number) => stepText(value / each, step / each);
  return { axis: linearAxis(roundEnd(high, 5), 5, label), kind: `${unit}${cut}` };
}

/** Points of the distribution: as many as can be told apart. */
function* cumulated(sorted: Float64Array): Generator<readonly [x: number, y: number]> {
  yield [sorted[0], 0];
  const points = Math.min(STEPS, sorted.length);
  for (let i = 1; i <= points; i++) {
    const part = (i / points) * SHOWN;
    yield [quantile(sorted, part), part];
  }
}

/** Nearest rank. */
function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

function sentence(title: string, samples: readonly PolicySample[]): string {
  const each = samples.map(({ policy, sorted }) => {
    const [half, most] = [0.5, 0.95].map((part) => milliseconds(quantile(sorted, part)));
    return `${policy.title}: half of the requests within ${half} ms, 95 % within ${most} ms`;
  });
  return `${title}. ${each.join("; ")}.`;
}
