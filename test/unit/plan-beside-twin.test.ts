import { expect, test } from "vitest";
import { planProblem } from "../../harness/small-plan-problem.ts";
import { candidates, poolSizes } from "../../src/planner/candidates.ts";
import { drawnDemand } from "../../src/planner/demand.ts";
import { distinctPlaces } from "../../src/planner/distinct-places.ts";
import { type Layout, sayLayout, unitTopology } from "../../src/planner/layout.ts";
import { openCapacity } from "../../src/planner/open-capacity.ts";
import { OpenUnit } from "../../src/planner/open-times.ts";
import { PlanRoutings } from "../../src/planner/plan-routing.ts";
import { trial } from "../../src/planner/trial.ts";

const PROBLEM = {
  ...(await planProblem("mixtral-8x7b", "h100")),
  demand: drawnDemand(1, 512, 64),
  target: { ttftMs: 400, itlMs: 40, ttftPercentile: 95, itlPercentile: 95 },
};
const LAYOUTS = [
  "h100 TP2, steps of 2048 tokens",
  "h100 DP4, EP4, steps of 8192 tokens",
  "h100 prefill DP2, EP2 beside decode DP2, EP2, steps of 8192 tokens",
];

test("arithmetic says of a unit what the twin finds step by step", () => {
  const routing = new PlanRoutings(PROBLEM).at();
  for (const name of LAYOUTS) {
    const layout = candidates(PROBLEM).find((one) => sayLayout(one) === name) as Layout;
    const rate = 0.5 * openCapacity(layout, PROBLEM);
    const says = new OpenUnit(layout, PROBLEM).at(rate);
    const run = trial(layout, PROBLEM, { rate, seed: 4, requests: 120, tpotMs: 20, routing, whole: true });
    let next = run.next();
    while (next.done !== true) next = run.next();
    const { ttftMs, tpotMs } = next.value;
    expect(Math.abs((says?.tpotMs ?? 0) / (tpotMs ?? 0) - 1), `${name}: TPOT`).toBeLessThan(0.15);
    expect(Math.abs((says?.ttftMs ?? 0) / (ttftMs ?? 0) - 1), `${name}: TTFT`).toBeLessThan(0.2);
  }
});

test("pools are of whole nodes, or of whole NVLink domains", async () => {
  const [{ types: hopper }, { types: blackwell }] = await Promise.all([
    planProblem("deepseek-v3", "h800"),
    planProblem("kimi-k2", "gb200"),
  ]);
  expect(poolSizes(hopper[0], 150)).toEqual([1, 2, 4, 8, 16, 32, 64, 72, 96, 128, 144]);
  expect(poolSizes(blackwell[0], 320)).toEqual([1, 2, 4, 8, 16, 32, 64, 72, 144, 288]);
  const of = (gpus: number, type: (typeof hopper)[number]) =>
    unitTopology({ type, redundantSlots: 0 }, { tp: 1, dp: gpus, ep: gpus, moeTp: 1 }, 256);
  // DeepSeek's: 18 nodes, two experts a GPU.
  expect(of(144, hopper[0])).toEqual({ nodes: 18, gpusPerNode: 8, slotsPerGpu: 2 });
  expect(of(144, blackwell[0])).toEqual({ nodes: 2, gpusPerNode: 72, slotsPerGpu: 2 });
});

test("tokens reach as many places as published", () => {
  // DeepSeek-V3's gate on 64 and 32 GPUs of 8 a node, and without its groups: other nodes and GPUs, by simulation.
  const gate = { topk: 8, groups: 8, topkGroups: 4, experts: 256 };
  const open = { ...gate, groups: 1, topkGroups: 1 };
  const reached = (shape: typeof gate, places: number) => distinctPlaces(shape, places) / (1 - 1 / places);
  expect(reached(gate, 8)).toBeCloseTo(3.97, 0);
  expect(reached(gate, 4)).toBeCloseTo(3.12, 1);
  expect(Math.abs(reached(gate, 64) / 7.48 - 1)).toBeLessThan(0.06);
  expect(reached(open, 8)).toBeCloseTo(5.29, 1);
  expect(Math.abs(reached(open, 64) / 7.67 - 1)).toBeLessThan(0.02);
});
