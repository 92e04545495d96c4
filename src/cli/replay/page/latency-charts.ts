import { decimals, milliseconds } from "../../../lib/number-text.ts";
import type { GoodputTargets } from "../../../replay/measures/goodput.ts";
import type { RequestSpreads } from "../../../replay/report/other-tools/request-spreads.ts";
import type { Spread } from "../../../replay/report/other-tools/spread.ts";
import { type Axis, linearAxis, logAxis, roundEnd, stepText } from "../../../report/html/axis.ts";
import type { Chart } from "../../../report/html/chart.ts";

/** The slowest would take all the width. */
const SHOWN = 99.9;
/** Above this ratio of the greatest to the least a linear axis hides most of it. */
const WIDE = 20;
const POINTS = 200;
const TICKS = 5;
const PERCENTILES = [10, 50, 90, 95, 99, 99.9, 100];

/** Which part of a run's requests, or gaps, took no longer: a chart for each latency that was measured. */
export function latencyCharts(spreads: RequestSpreads, goodput: GoodputTargets | null): Chart[] {
  const all: [title: string, unit: string, spread: Spread, target: number | null | undefined][] = [
    ["Time to first token", "TTFT; percent of requests within that time", spreads.ttft, goodput?.ttftMs],
    ["Between tokens", "ITL; percent of gaps within that time", spreads.itl, null],
    [
      "Time per output token",
      "TPOT, the first left out; percent of requests within that time",
      spreads.tpot,
      goodput?.tpotMs,
    ],
    ["Time to last token", "E2E; percent of requests within that time", spreads.e2e, goodput?.e2eMs],
  ];
  return all.flatMap(([title, unit, spread, target]) =>
    spread.at(50) === null ? [] : [latencyChart(title, unit, spread, target ?? null)],
  );
}

function latencyChart(title: string, unit: string, spread: Spread, target: number | null): Chart {
  const at = (percent: number): number => spread.at(percent) ?? 0;
  const points = Array.from({ length: POINTS + 1 }, (_, i) => (i / POINTS) * SHOWN);
  return {
    title,
    unit,
    xTitle: `ms; the slowest ${decimals(100 - SHOWN, 1)} % are not shown`,
    x: msAxis(at(100 - SHOWN), at(SHOWN)),
    y: linearAxis(100, TICKS, (percent) => decimals(percent, 0)),
    lines: [{ policy: "plimsoll", points: points.map((percent) => [at(percent), percent] as const) }],
    marks: target === null ? [] : [{ x: target, label: "target" }],
    notches: [],
    says: `${title}: half within ${milliseconds(at(50))} ms, 95 % within ${milliseconds(at(95))} ms, 99 % within ${milliseconds(at(99))} ms.`,
    table: {
      caption: `${title}, ms, by percentile`,
      columns: ["Percentile", "ms"],
      rows: PERCENTILES.map((percent) => ({
        header: percent === 100 ? "slowest" : `p${percent}`,
        cells: [milliseconds(at(percent))],
      })),
    },
  };
}

/** Linear from 0 where that shows all of it. */
function msAxis(low: number, high: number): Axis {
  if (low > 0 && high / low > WIDE)
    return logAxis(low, high, (value) => stepText(value, 10 ** Math.floor(Math.log10(value))));
  return linearAxis(roundEnd(high, TICKS), TICKS, stepText);
}
