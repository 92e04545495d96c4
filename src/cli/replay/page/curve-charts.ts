import { decimals, milliseconds } from "../../../lib/number-text.ts";
import { loadOfStep, stepsIn } from "../../../replay/curve/curve-steps.ts";
import { numberIn, textIn } from "../../../replay/report/report-value.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import { linearAxis, roundEnd, stepText } from "../../../report/html/axis.ts";
import type { Chart, Mark } from "../../../report/html/chart.ts";
import type { FigureTable } from "../../../report/html/figure-table.ts";

const TICKS = 5;
const VERDICTS: Readonly<Record<string, string>> = { held: "held", lost: "lost", client: "client late" };

interface Line {
  readonly policy: string;
  readonly key: string;
}

/** Steps of a load curve by their load; empty where a report has none. */
export function stepsOf(report: ReplayReport): ReplayReport[] {
  return stepsIn(report).toSorted((a, b) => loadOfStep(a) - loadOfStep(b));
}

export function curveCharts(report: ReplayReport, steps: readonly ReplayReport[]): Chart[] {
  const max = numberIn(report, "max_load");
  const marks = max === null ? [] : [{ x: max, label: `held: ${decimals(max, 1)}` }];
  const unit = textIn(report, "sweep") === "concurrency" ? "requests in flight" : "requests per second";
  const chart = (title: string, words: string, lines: readonly Line[]): Chart =>
    curveChart({ title, words, unit, steps, lines, marks });
  return [
    chart("Requests per second", "completed solid, good dashed", [
      { policy: "plimsoll", key: "request_throughput" },
      { policy: "eplb", key: "request_goodput" },
    ]),
    chart("Output tokens per second", "of completed requests", [
      { policy: "plimsoll", key: "output_throughput" },
    ]),
    chart("Time to first token", "ms; p50 solid, p99 dashed", [
      { policy: "plimsoll", key: "p50_ttft_ms" },
      { policy: "eplb", key: "p99_ttft_ms" },
    ]),
    chart("Time per output token", "ms; p50 solid, p99 dashed", [
      { policy: "plimsoll", key: "p50_tpot_ms" },
      { policy: "eplb", key: "p99_tpot_ms" },
    ]),
  ];
}

export function curveTable(steps: readonly ReplayReport[]): FigureTable {
  return {
    caption: "Each step of the load",
    columns: ["Load", "req/s", "good/s", "TTFT p50", "p99", "TPOT p50", "p99", "failed", "verdict"],
    rows: steps.map((step) => ({
      header: decimals(numberIn(step, "step_load"), 2),
      cells: [
        ...["request_throughput", "request_goodput"].map((key) => decimals(numberIn(step, key), 1)),
        ...["p50_ttft_ms", "p99_ttft_ms", "p50_tpot_ms", "p99_tpot_ms"].map((key) =>
          milliseconds(numberIn(step, key)),
        ),
        decimals(numberIn(step, "failed"), 0),
        VERDICTS[textIn(step, "verdict")] ?? "",
      ],
    })),
  };
}

interface CurveFacts {
  readonly title: string;
  readonly words: string;
  readonly unit: string;
  readonly steps: readonly ReplayReport[];
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
}

function curveChart({ title, words, unit, steps, lines, marks }: CurveFacts): Chart {
  const loads = steps.map((step) => numberIn(step, "step_load") ?? 0);
  const values = lines.flatMap(({ key }) => steps.map((step) => numberIn(step, key) ?? 0));
  return {
    title,
    unit: words,
    xTitle: `load: ${unit}`,
    x: linearAxis(roundEnd(Math.max(...loads), TICKS), TICKS, stepText),
    y: linearAxis(roundEnd(Math.max(...values), TICKS), TICKS, stepText),
    lines: lines.map(({ policy, key }) => {
      return { policy, points: steps.map((step, i) => [loads[i], numberIn(step, key)] as const) };
    }),
    marks,
    notches: [],
    says: `${title} (${words}) by load, from ${decimals(loads.at(0), 1)} to ${decimals(loads.at(-1), 1)} ${unit}.`,
    table: {
      caption: `${title}, ${words}, by load`,
      columns: ["Load", ...lines.map(({ key }) => key)],
      rows: steps.map((step, i) => ({
        header: decimals(loads[i], 2),
        cells: lines.map(({ key }) => milliseconds(numberIn(step, key))),
      })),
    },
  };
}
