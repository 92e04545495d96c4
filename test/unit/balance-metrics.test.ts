import { expect, test } from "vitest";
import type { PoolReport } from "../../src/model/pool-report.ts";
import { metricsOf } from "../metrics-of.ts";
import { poolReport } from "./pool-report-fixture.ts";

/** Values by series, of metrics whose names begin so. */
async function valuesOf(report: Partial<PoolReport>, nowMs: number, start: string) {
  const metrics = metricsOf({ pools: () => [poolReport(report)], nowMs: () => nowMs });
  const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith(start));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

test("a pool's balance is there as a whole, by layer under the model's numbers, and by rank", async () => {
  const report = {
    layers: 2,
    layerNumbers: [3, 7],
    balancedness: 0.8,
    expertLoad: [
      [1.5, 0.5],
      [0.25, 1.75],
    ],
    gpuLoad: [1.25, 0.75],
    layerBalancedness: [0.5, null],
  };
  const plimsoll = await valuesOf(report, 0, "plimsoll_");
  expect(plimsoll).toMatchObject({
    'plimsoll_balancedness{pool="p"}': 0.8,
    'plimsoll_pool_step_factor{pool="p"}': 1.25,
    'plimsoll_hottest_expert_factor{pool="p"}': 1.75,
    'plimsoll_layer_hottest_expert_factor{pool="p",layer="3"}': 1.5,
    'plimsoll_layer_hottest_expert_factor{pool="p",layer="7"}': 1.75,
    'plimsoll_rank_load_ratio{pool="p",rank="0"}': 1.25,
  });
  // A layer without load has none.
  expect(await valuesOf(report, 0, "plimsoll_layer_balancedness{")).toEqual({
    'plimsoll_layer_balancedness{pool="p",layer="3"}': 0.5,
  });
});

test("what was not measured has no series, and ages are of this moment, never below 0", async () => {
  const idle = { balancedness: null, expertLoad: [[0, 0]], placedAtMs: null };
  for (const name of ["balancedness", "pool_step_factor", "hottest_expert_factor", "rebalance_age_seconds"])
    expect([name, await valuesOf(idle, 0, `plimsoll_${name}{`)]).toEqual([name, {}]);
  const placed = { atMs: 5000, placedAtMs: 2000 };
  expect(await valuesOf(placed, 8500, "plimsoll_rebalance_age_seconds{")).toEqual({
    'plimsoll_rebalance_age_seconds{pool="p"}': 6.5,
  });
  // Its leader's clock is ahead.
  expect(await valuesOf(placed, 4000, "plimsoll_report_age_seconds{")).toEqual({
    'plimsoll_report_age_seconds{pool="p"}': 0,
  });
});
