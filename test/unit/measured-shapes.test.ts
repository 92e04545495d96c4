import { expect, test } from "vitest";
import { ShapeCoverage } from "../../loadtest/bench/plan/coverage.ts";
import { readConstantsFile } from "../../src/config/calibration/constants-file.ts";
import { loadGpu } from "../../src/config/gpus/load-gpu.ts";
import { shippedModels } from "../../src/config/shapes.ts";
import type { ServingPrecision } from "../../src/model/serving-precision.ts";
import { type Workers, familyOf } from "../../src/twin/calibration/serving-point.ts";

/**
 * Of measured engines those that `plan` does not try, with why: experts that are divided within a block of FP8's scales (the
 * engine's own guide says to spread them), weights that take more than 0.9 of memory, and attention over two nodes.
 */
const LEFT_OUT = [
  "sglang | 0.5.5.post2 | gb200 | fp8 | 61 x 7168, 8 of 256 | 1x1x4x1x4 | 4x1x4x1x4",
  "sglang | 0.5.8.post1 | gb200 | fp8 | 61 x 7168, 8 of 256 | 1x4x1x1x4 | 1x4x1x1x4",
  "trtllm | 0.8.1.post3 | h100 | fp8 | 61 x 7168, 8 of 256 | 1x1x16x16x1 | 2x16x1x16x1",
  "vllm | 0.18.0 | h200 | fp8 | 62 x 3072, 8 of 256 | - | 1x8x1x1x8",
];

test("plans may have every engine that was measured", async () => {
  const { configurations } = await readConstantsFile();
  const models = await shippedModels();
  const missing: string[] = [];
  const coverage = new ShapeCoverage();
  for (const name of configurations) {
    const [backend, , gpuName, precision, family, ...engines] = name.split(" | ");
    const [prefill, decode] = engines.map(workersOf);
    if (decode === null) throw new Error(`${name}: nothing answers`);
    const gpu = await loadGpu(gpuName, { sourceOf: () => name, field: [] });
    const model = models.find((one) => familyOf(one) === family);
    if (model === undefined) throw new Error(`${name}: no model`);
    const shaped = { model, gpu, backend, precision: precision as ServingPrecision, prefill, decode };
    if (!(await coverage.of(shaped)).engines) missing.push(name);
  }
  expect(configurations.length).toBeGreaterThan(100);
  expect(missing).toEqual(LEFT_OUT);
});

/** `2x8x1x8x1`: engines, TP, DP, EP, and GPUs that share an expert. */
function workersOf(text: string): Workers | null {
  if (text === "-") return null;
  const [count, tp, dp, ep, moeTp] = text.split("x").map(Number);
  return { count, tp, dp, ep, moeTp };
}
