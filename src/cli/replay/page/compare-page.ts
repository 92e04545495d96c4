import { decimals } from "../../../lib/number-text.ts";
import type { ComparedHighest } from "../../../replay/compare/highest-load.ts";
import type { RunValues, Values } from "../../../replay/compare/run-values.ts";
import { loadOfStep } from "../../../replay/curve/curve-steps.ts";
import { numberIn, textIn } from "../../../replay/report/report-value.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import { linearAxis } from "../../../report/html/axis.ts";
import { type Chart, chartHtml } from "../../../report/html/chart.ts";
import { documentHtml, panelHtml, section } from "../../../report/html/document.ts";
import { escaped } from "../../../report/html/escape.ts";
import type { FigureTable } from "../../../report/html/figure-table.ts";
import { stepsOf } from "./curve-charts.ts";
import { pairChart, type Point } from "./pair-chart.ts";

/** The slowest would take all the height. */
const SHOWN = 99.9;
const POINTS = 200;
const TICKS = 5;
const PERCENTILES = [10, 50, 90, 95, 99, 99.9];

/** What a comparison says, in words and figures. */
export interface ComparePage {
  readonly a: string;
  readonly b: string;
  readonly seed: number;
  readonly warnings: readonly string[];
  /** What came out, in a sentence. */
  readonly lead: string;
  readonly table: FigureTable;
  readonly charts: readonly Chart[];
}

/** Two runs, or two load curves, as one HTML file that needs no network. */
export function comparePage({ a, b, seed, warnings, lead, table, charts }: ComparePage): string {
  return documentHtml({
    title: "Plimsoll: two load tests",
    heading: "Two load tests",
    lead,
    identity: [
      ["A", a],
      ["B", b],
      ["Seed of the draws", `${seed}`],
    ],
    parts: [
      warnings.length === 0
        ? ""
        : section("How far to trust this", [
            `<ul>${warnings.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul>`,
          ]),
      section("Side by side", [`<div class="charts glance">\n${charts.map(chartHtml).join("\n")}\n</div>`]),
      section("In figures", [panelHtml(table)]),
    ],
    footer: "Made by <code>replay compare</code>. Intervals hold B/A in 95 of 100 draws (bootstrap).",
  });
}

/** Which part of the requests of each took no longer. */
export function runPairCharts(a: RunValues, b: RunValues): Chart[] {
  const all: (readonly [title: string, of: (run: RunValues) => Values])[] = [
    ["Time to first token", ({ ttftMs }) => ttftMs],
    ["Time per output token", ({ tpotMs }) => tpotMs],
    ["Time to last token", ({ e2eMs }) => e2eMs],
  ];
  return all.map(([title, of]) =>
    pairChart({
      title,
      unit: "ms, by percentile of requests",
      xTitle: `percent; the slowest ${decimals(100 - SHOWN, 1)} % are not shown`,
      x: linearAxis(100, TICKS, (percent) => decimals(percent, 0)),
      a: percentilePoints(of(a)),
      b: percentilePoints(of(b)),
      rows: PERCENTILES,
      rowText: (percent) => `p${percent}`,
    }),
  );
}

/** Both by load, with the highest load that held of each. */
export function curvePairCharts(a: ReplayReport, b: ReplayReport, highest: ComparedHighest): Chart[] {
  const unit = textIn(a, "sweep") === "rate" ? "requests per second" : "requests in flight";
  const marks = [
    ...(highest.a === null ? [] : [{ x: highest.a.held, label: `A held: ${decimals(highest.a.held, 1)}` }]),
    ...(highest.b === null ? [] : [{ x: highest.b.held, label: `B held: ${decimals(highest.b.held, 1)}` }]),
  ];
  const chart = (title: string, words: string, key: string, factor = 1): Chart => {
    const points = (report: ReplayReport): Point[] =>
      stepsOf(report).map((step) => {
        const value = numberIn(step, key);
        return [loadOfStep(step), value === null ? null : value * factor];
      });
    return pairChart({
      title,
      unit: words,
      xTitle: `load: ${unit}`,
      ...(factor === 1 ? {} : { yEnd: 100 }),
      a: points(a),
      b: points(b),
      marks,
      rowText: (load) => `${load}`,
    });
  };
  return [
    chart("Requests per second", "completed", "request_throughput"),
    chart("Output tokens per second", "of all requests", "output_throughput"),
    chart("Good requests", "percent that held every target", "goodput_rate", 100),
    chart("Time to first token, p50", "ms", "p50_ttft_ms"),
    chart("Time to first token, p99", "ms", "p99_ttft_ms"),
    chart("Between tokens, p99", "ms", "p99_itl_ms"),
  ];
}

function percentilePoints(values: Values): Point[] {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return [];
  const at = (percent: number): number => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
  const drawn = Array.from({ length: POINTS + 1 }, (_, i) => (i / POINTS) * SHOWN);
  const percents = [...new Set([...drawn, ...PERCENTILES])].sort((one, other) => one - other);
  return percents.map((percent) => [percent, at(percent)]);
}
