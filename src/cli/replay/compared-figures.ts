import { decimals } from "../../lib/number-text.ts";
import type { FigureTable } from "../../report/html/figure-table.ts";
import type { ComparedMetric } from "../../replay/compare/compare-runs.ts";

export const COMPARED_COLUMNS = ["A", "B", "B/A", "95 %", "B is"];

/** A metric's A, B, B/A, its interval and the verdict, for a person to read. */
export function comparedCells({ a, b, ratio, ratio95, verdict }: ComparedMetric): string[] {
  const between = ratio95 === null ? "–" : ratio95.map((value) => decimals(value, 3)).join(" … ");
  return [figure(a), figure(b), decimals(ratio, 3), between, verdict];
}

/** What was measured, as a table of a page. */
export function metricTable(metrics: readonly ComparedMetric[]): FigureTable {
  return {
    caption: "B held against A",
    columns: ["", ...COMPARED_COLUMNS],
    rows: metrics
      .filter(({ verdict }) => verdict !== "not measured")
      .map((compared) => ({ header: compared.metric.key, cells: comparedCells(compared) })),
  };
}

/** Metrics by their key, as JSON has them. */
export function metricsReport(metrics: readonly ComparedMetric[]): Readonly<Record<string, object>> {
  return Object.fromEntries(
    metrics.map(({ metric, a, b, ratio, ratio95, difference, difference95, verdict }) => [
      metric.key,
      {
        a,
        b,
        ratio,
        ratio_95: ratio95,
        difference,
        difference_95: difference95,
        better: metric.better,
        verdict,
      },
    ]),
  );
}

function figure(value: number | null): string {
  return decimals(value, value !== null && Math.abs(value) < 10 ? 3 : 1);
}
