import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { bindingLimit } from "../../src/planner/binding-limit.ts";
import { candidates, fits } from "../../src/planner/candidates.ts";
import { drawRequests, drawnDemand, promptQuantile, tracedDemand } from "../../src/planner/demand.ts";
import { unitGpus } from "../../src/planner/layout.ts";
import { gpusIfOff } from "../../src/planner/model-error.ts";
import { paretoFront } from "../../src/planner/pareto-front.ts";
import { perfectSystem } from "../../src/planner/perfect-system.ts";
import { physicalBound } from "../../src/planner/physical-bounds.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";

const PROBLEM = await smallPlanProblem();

test("drawn requests come at their rate, with lengths around their means, the same for a seed", () => {
  const demand = drawnDemand(50, 400, 100);
  const drawn = drawRequests(demand, 20, 200, 1);
  expect(drawRequests(demand, 20, 200, 1)).toEqual(drawn);
  expect(drawn.length / 200).toBeCloseTo(20, 0);
  const mean = drawn.reduce((sum, { inputTokens }) => sum + inputTokens, 0) / drawn.length;
  expect(Math.abs(mean / 400 - 1)).toBeLessThan(0.03);
  expect(
    Math.max(...drawn.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens)),
  ).toBeLessThanOrEqual(demand.longest);
});

test("of a trace its busiest five minutes are planned for, and units receive their parts of it", () => {
  const quiet = Array.from({ length: 100 }, (_, i) => ({
    arrivalMs: i * 10_000,
    inputTokens: 10,
    outputTokens: 5,
  }));
  const busy = Array.from({ length: 3000 }, (_, i) => ({
    arrivalMs: 1_000_000 + i * 100,
    inputTokens: 30,
    outputTokens: 7,
  }));
  const demand = tracedDemand([...quiet, ...busy]);
  expect(demand).toMatchObject({ rate: 10, prompt: 30, answer: 7, longest: 37 });
  expect(promptQuantile(demand, 0.95)).toBe(30);
  expect(drawRequests(demand, 10, 300, 1)).toHaveLength(3000);
  const half = drawRequests(demand, 5, 300, 1);
  expect(Math.abs(half.length / 1500 - 1)).toBeLessThan(0.06);
  const long = drawRequests(demand, 1, 900, 1);
  expect(Math.abs(long.length / 900 - 1)).toBeLessThan(0.1);
  expect(long.every(({ arrivalMs }, i) => i === 0 || arrivalMs >= long[i - 1].arrivalMs)).toBe(true);
});

test("every candidate fits in memory and in the budget with its spare", () => {
  const problem = { ...PROBLEM, spare: 1 };
  const all = candidates(problem);
  expect(all.length).toBeGreaterThan(20);
  for (const layout of all) {
    expect(fits(layout, problem)).toBe(true);
    expect(2 * unitGpus(layout)).toBeLessThanOrEqual(problem.maxGpus);
    const { tp, dp, ep, moeTp } = layout.decode;
    expect(tp * dp).toBe(ep * moeTp);
    // 94 GB of weights are too many for one.
    expect(unitGpus(layout)).toBeGreaterThan(1);
  }
  const several = ({ tp, dp }: { tp: number; dp: number }) => tp > 1 && dp > 1;
  expect(all.some(({ decode }) => several(decode))).toBe(true);
  const nvidia = candidates({ ...problem, engine: "trtllm" });
  expect(nvidia.length).toBeGreaterThan(10);
  expect(nvidia.some(({ decode }) => several(decode))).toBe(false);
});

test("what a maker's peaks allow is less than any layout needs", () => {
  const problem = { ...PROBLEM, demand: drawnDemand(60, 256, 12) };
  const [best] = ratedLayouts(problem);
  const { gpu } = problem.types[0];
  const perfect = perfectSystem(problem, gpu);
  // 46.7 G weights of two bytes, in memories of 80 GB; 12.9 G active ones of them for each of 268 tokens of 60 requests.
  expect(perfect.memory).toBeCloseTo((46.7 * 2) / 80, 1);
  expect(perfect.compute).toBeCloseTo((60 * 268 * 2 * 12.9e9) / gpu.flops.bf16, 1);
  expect(perfect.gpus).toBeLessThanOrEqual(best.gpus);
  const bound = physicalBound(problem, 8);
  expect(bound.itlMs).toBeCloseTo((1000 * 12.75e9 * 2) / (8 * gpu.memoryBandwidth), 1);
});

test("slower than predicted needs more GPUs, faster fewer", () => {
  const problem = { ...PROBLEM, demand: drawnDemand(60, 256, 12), maxGpus: 64 };
  const [{ layout, gpus }] = ratedLayouts(problem);
  const off = (factor: number) => gpusIfOff(layout, problem, 1, factor, factor);
  expect(off(1)).toMatchObject({ gpus, anyGpus: gpus });
  expect(off(0.5).anyGpus).toBeLessThanOrEqual(gpus);
  expect(off(1.3).anyGpus).toBeGreaterThanOrEqual(gpus);
  expect(off(50)).toMatchObject({ gpus: null, anyGpus: null });
});

test("of the front no point is better than another in both, and twice of what binds carries more", () => {
  const layouts = ratedLayouts(PROBLEM).map(({ layout }) => layout);
  const front = paretoFront(PROBLEM, layouts);
  expect(front.length).toBeGreaterThan(3);
  for (let i = 1; i < front.length; i++) {
    expect(front[i].perUser).toBeGreaterThan(front[i - 1].perUser);
    expect(front[i].perGpu).toBeLessThan(front[i - 1].perGpu);
  }
  const { gains, gain } = bindingLimit(layouts[0], PROBLEM);
  expect(gain).toBe(Math.max(...Object.values(gains)));
  expect(Math.min(...Object.values(gains))).toBeGreaterThan(-0.01);
});
