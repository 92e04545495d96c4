import { join } from "node:path";
import Table from "cli-table3";
import { InputError } from "../../lib/errors.ts";
import { decimals } from "../../lib/number-text.ts";
import { type CurveComparison, compareCurves } from "../../replay/compare/compare-curves.ts";
import type { ComparedMetric } from "../../replay/compare/compare-runs.ts";
import type { ComparedHighest, HighestLoad } from "../../replay/compare/highest-load.ts";
import { loadOfStep, stepsIn } from "../../replay/curve/curve-steps.ts";
import { textIn } from "../../replay/report/report-value.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import { type Output, writeOutput } from "../output.ts";
import { COMPARED_COLUMNS, comparedCells, metricsReport } from "./compared-figures.ts";
import { comparePage, curvePairCharts } from "./page/compare-page.ts";
import { runRequests } from "./run-requests.ts";

/** What people look at first; `--json` has all. */
const SHOWN: ReadonlySet<string> = new Set([
  "p50_ttft_ms",
  "p99_ttft_ms",
  "p50_itl_ms",
  "p99_itl_ms",
  "request_throughput",
  "output_throughput",
  "goodput_rate",
]);

type Side = readonly [folder: string, report: ReplayReport];

/**
 * Holds two load curves against each other, and says what differs.
 * @throws InputError where they have nothing in common
 */
export async function compareCurveFolders(
  a: Side,
  b: Side,
  { seed, out: page }: { readonly seed: number; readonly out?: string },
  out: Output,
): Promise<void> {
  const comparison = compareCurves(await curveRun(a), await curveRun(b), seed);
  const { steps, warnings, highest } = comparison;
  if (steps.length === 0 && highest.verdict === "not measured")
    throw new InputError(
      b[0],
      "",
      `shares no load with ${a[0]}: ${loadsText(b[1])}, and ${loadsText(a[1])} there`,
    );
  if (page !== undefined) await writeOutput(page, pageOf(a, b, seed, comparison));
  out.result(report(a, b, seed, comparison), text(a, b, seed, comparison));
  if (out.json) for (const warning of warnings) out.progress(warning);
}

async function curveRun([folder, ofCurve]: Side) {
  return {
    report: ofCurve,
    requests: await Array.fromAsync(runRequests(join(folder, "requests.jsonl"))),
  };
}

function report([a, ofA]: Side, [b]: Side, seed: number, comparison: CurveComparison): object {
  const { steps, onlyA, onlyB, highest, warnings } = comparison;
  return {
    format: "plimsoll.replay-curve-comparison/1",
    a,
    b,
    sweep: textIn(ofA, "sweep"),
    seed,
    warnings,
    steps: steps.map(({ load, requests, comparison: { paired, blocks, draws, metrics } }) => ({
      step_load: load,
      requests: { a: requests[0], b: requests[1] },
      paired,
      block_requests: { a: blocks[0], b: blocks[1] },
      draws,
      metrics: metricsReport(metrics),
    })),
    only_a: onlyA,
    only_b: onlyB,
    max_load: {
      a: highestReport(highest.a),
      b: highestReport(highest.b),
      ratio: highest.ratio,
      ratio_between: highest.between,
      verdict: highest.verdict,
    },
  };
}

function highestReport(highest: HighestLoad | null): object | null {
  if (highest === null) return null;
  const { held, lost, heldGood, lostGood } = highest;
  return {
    held,
    below: lost,
    good_rate: heldGood.rate,
    good_rate_95: heldGood.rate95,
    below_good_rate: lostGood?.rate ?? null,
    below_good_rate_95: lostGood?.rate95 ?? null,
  };
}

function text([a, ofA]: Side, [b, ofB]: Side, seed: number, comparison: CurveComparison): string {
  const { steps, onlyA, onlyB, highest, warnings } = comparison;
  const table = new Table({
    head: [textIn(ofA, "sweep") === "rate" ? "Rate" : "Streams", "", ...COMPARED_COLUMNS],
    colAligns: ["right", "left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [], compact: true },
  });
  for (const {
    load,
    comparison: { metrics },
  } of steps) {
    const shown = shownOf(metrics);
    for (const [i, compared] of shown.entries())
      table.push([i === 0 ? `${load}` : "", compared.metric.key, ...comparedCells(compared)]);
  }
  const alone = [
    ...(onlyA.length > 0 ? [`${onlyA.join(", ")} of A`] : []),
    ...(onlyB.length > 0 ? [`${onlyB.join(", ")} of B`] : []),
  ];
  return [
    `A: ${a}, ${loadsText(ofA)}`,
    `B: ${b}, ${loadsText(ofB)}`,
    ...warnings,
    steps.length === 0 ? "No load is shared." : table.toString(),
    ...(alone.length > 0 ? [`Loads that the other has not: ${alone.join("; ")}.`] : []),
    ...highestLines(highest),
    ...(steps.length === 0
      ? []
      : [
          `Bootstrap: ${steps[0].comparison.draws} draws of blocks of requests in a row, step by step (seed ${seed}).`,
        ]),
  ].join("\n");
}

function pageOf([a, ofA]: Side, [b, ofB]: Side, seed: number, comparison: CurveComparison): string {
  const { steps, highest, warnings } = comparison;
  const rows = steps.flatMap(({ load, comparison: { metrics } }) =>
    shownOf(metrics).map((compared) => ({
      header: `${load}`,
      cells: [compared.metric.key, ...comparedCells(compared)],
    })),
  );
  return comparePage({
    a,
    b,
    seed,
    warnings,
    lead: highestLines(highest).join(". ") || `${steps.length} loads that both have.`,
    table: { caption: "B held against A, load by load", columns: ["Load", "", ...COMPARED_COLUMNS], rows },
    charts: curvePairCharts(ofA, ofB, highest),
  });
}

function shownOf(metrics: readonly ComparedMetric[]): readonly ComparedMetric[] {
  return metrics.filter(({ metric, verdict }) => SHOWN.has(metric.key) && verdict !== "not measured");
}

function highestLines({ a, b, ratio, between, verdict }: ComparedHighest): string[] {
  if (a === null && b === null) return [];
  const lines = [`Highest load that held: A ${highestText(a)}; B ${highestText(b)}`];
  if (ratio === null) return lines;
  const [low, high] = between.map((value) => decimals(value, 3));
  return [...lines, `B/A: ${decimals(ratio, 3)}, between ${low} and ${high}: B is ${verdictText(verdict)}`];
}

function verdictText(verdict: ComparedHighest["verdict"]): string {
  return verdict === "no difference" ? "not told apart" : verdict;
}

function highestText(highest: HighestLoad | null): string {
  if (highest === null) return "not known";
  const { held, lost, heldGood, lostGood } = highest;
  const above = lost === null ? "nothing above was lost" : `${lost} did not${goodText(lostGood)}`;
  return `${held}${goodText(heldGood)}, ${above}`;
}

function goodText(good: HighestLoad["lostGood"]): string {
  if (good === null || good.rate === null) return "";
  const between =
    good.rate95 === null
      ? ""
      : `, 95 % interval ${good.rate95.map((part) => decimals(100 * part, 1)).join("–")} %`;
  return ` (${decimals(100 * good.rate, 1)} % good${between})`;
}

function loadsText(curve: ReplayReport): string {
  const loads = stepsIn(curve)
    .map(loadOfStep)
    .sort((one, other) => one - other);
  const unit = textIn(curve, "sweep") === "rate" ? "requests per second" : "requests in flight";
  return loads.length === 0 ? "no load" : `${loads.join(", ")} ${unit}`;
}
