import { decimals } from "../../lib/number-text.ts";
import type { ComparedMetric } from "../../replay/compare/compare-runs.ts";

/** A metric's A, B, B/A, its interval and the verdict, for a person to read. */
export function comparedCells({ a, b, ratio, ratio95, verdict }: ComparedMetric): string[] {
  const between = ratio95 === null ? "–" : ratio95.map((value) => decimals(value, 3)).join(" … ");
  return [figure(a), figure(b), decimals(ratio, 3), between, verdict];
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
