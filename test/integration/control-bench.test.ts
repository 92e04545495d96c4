import { expect, it } from "vitest";
import { solveTable } from "../../loadtest/bench/control/solve.ts";
import { drawLoad } from "../../loadtest/bench/layer-statistics.ts";
import { pool } from "../../loadtest/bench/pools.ts";
import { syntheticTokens } from "../../loadtest/bench/routed-tokens.ts";
import { Rng } from "../../src/lib/rng.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";

const HISTOGRAM = [
  [0.1, 1, 20],
  [4, 5, 12],
] as const;

it("solve: both ways are timed over HTTP", async () => {
  const rng = new Rng(2);
  const histograms = Array.from({ length: SMALL_MOE_LAYERS }, () => HISTOGRAM);
  const input = {
    model: SMALL_MODEL,
    loads: [drawLoad(histograms, rng)],
    stream: syntheticTokens(SMALL_MODEL, 10, 1, rng),
    groups: SMALL_MODEL.groups,
    source: { loads: "drawn", stream: "synthetic" },
  };
  const bench = { input, seed: 1, progress: () => {} };
  const { title, rows, aims } = await solveTable(bench, pool(40, 4), { warmUp: 1, rounds: 3 });
  expect(title).toContain("6 layers × 32 experts on 40 slots of 4 GPUs");
  expect(rows.map(([name]) => name)).toEqual(["from scratch", "from the placement in force"]);
  for (const [, median, worst] of rows) {
    expect(median).toBeGreaterThan(0);
    expect(worst).toBeGreaterThanOrEqual(Number(median));
  }
  expect(aims.map(({ measured }) => measured)).toEqual(rows.map(([, median]) => median));
});
