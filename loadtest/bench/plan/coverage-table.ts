import type { BenchTable } from "../bench-table.ts";
import { ShapeCoverage } from "./coverage.ts";
import type { MeasuredPoint } from "./measured-candidates.ts";

/** Which measured configurations are among what `plan` tries. */
export async function coverageTable(points: readonly MeasuredPoint[]): Promise<BenchTable> {
  const coverage = new ShapeCoverage();
  const rows = { together: [0, 0, 0], apart: [0, 0, 0] };
  const missing: string[] = [];
  for (const [name, { point }] of new Map(points.map((one) => [one.configuration, one]))) {
    const { engines, whole } = await coverage.of(point);
    const counts = rows[point.prefill === null ? "together" : "apart"];
    counts[0]++;
    if (engines) counts[1]++;
    else missing.push(name);
    if (whole) counts[2]++;
  }
  return {
    title: "Measured configurations among what plan tries",
    columns: [
      { name: "prompts and answers" },
      { name: "configurations" },
      { name: "engines of such shapes" },
      { name: "the whole" },
    ],
    rows: Object.entries(rows).map(([name, counts]) => [name, ...counts]),
    notes: missing.map((name) => `Not tried: ${name}`),
    aims: [],
  };
}
