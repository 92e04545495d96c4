import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runHere } from "../run-here.ts";

/** Nine measured points of ai-dynamo/aiconfigurator's `silicon_sample.csv` (Apache-2.0), one for each kind of pool. */
const POINTS = fileURLToPath(new URL("serving-points.csv", import.meta.url));

test("the constants that ship predict what they were fitted to", async () => {
  const { rows, summary } = JSON.parse(
    await runHere("simulate", "--calibrate", "--measured", POINTS, "--json"),
  );
  expect(summary).toMatchObject({ rows: 9, predicted: 9, fitted: 9, counted: 0, errors: null });
  for (const { error, assumed, known } of rows) {
    expect(Math.abs(error.tpot_ms)).toBeLessThan(0.2);
    expect(Math.abs(error.out_tok_s_gpu)).toBeLessThan(0.2);
    expect(Math.abs(error.ttft_ms)).toBeLessThan(0.6);
    expect([assumed, known]).toEqual([[], true]);
  }
});
