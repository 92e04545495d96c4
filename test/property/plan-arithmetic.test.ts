import fc from "fast-check";
import { expect, test } from "vitest";
import { planProblem } from "../../harness/small-plan-problem.ts";
import { candidates } from "../../src/planner/candidates.ts";
import { drawnDemand } from "../../src/planner/demand.ts";
import type { Layout } from "../../src/planner/layout.ts";
import { openCapacity } from "../../src/planner/open-capacity.ts";
import { OpenUnit } from "../../src/planner/open-times.ts";
import type { PlanProblem } from "../../src/planner/plan-problem.ts";
import { PERCENTILES, type ServiceTarget } from "../../src/planner/service-target.ts";
import { twiceOf } from "../../src/planner/twice-of.ts";
import { unitsFor } from "../../src/planner/units-needed.ts";
import { runs } from "../runs.ts";

const SEED = 41;
/** Between loads that are worked out, times are interpolated. */
const ROUGH = 0.99;
/** How far steps vary is taken from how steep their times are, which may be steeper on faster GPUs. */
const STEEPER = 0.97;

const demand = drawnDemand(1, 1500, 200);
const ASKED: readonly { readonly problem: PlanProblem; readonly layouts: readonly Layout[] }[] =
  await Promise.all(
    (
      [
        ["mixtral-8x7b", "h100", null],
        ["gpt-oss-120b", "b200", "sglang"],
        ["deepseek-v3", "h800", null],
        ["qwen3-235b-a22b", "h200", "vllm"],
      ] as const
    ).map(async ([model, gpu, engine]) => {
      const problem = { ...(await planProblem(model, gpu, engine)), demand, maxGpus: 64 };
      return { problem, layouts: candidates(problem) };
    }),
  );

/** By numbers, which say what failed in few words. */
const unit = fc.tuple(fc.nat(ASKED.length - 1), fc.nat(9999));

function unitOf([asked, layout]: readonly [number, number]) {
  const { problem, layouts } = ASKED[asked];
  return { problem, layout: layouts[layout % layouts.length] };
}

const target = fc.record({
  ttftMs: fc.double({ min: 150, max: 4000, noNaN: true }),
  itlMs: fc.double({ min: 8, max: 120, noNaN: true }),
  ttftPercentile: fc.constantFrom<number>(...PERCENTILES),
  itlPercentile: fc.constantFrom<number>(...PERCENTILES),
});

test("a looser target never carries less: longer times, or fewer that have to keep them", () => {
  const factor = fc.double({ min: 1, max: 3, noNaN: true });
  fc.assert(
    fc.property(unit, target, factor, factor, (of, asked, ttft, itl) => {
      const { problem, layout } = unitOf(of);
      const carries = (one: ServiceTarget) => openCapacity(layout, problem, one);
      const own = carries(asked);
      const looser = { ...asked, ttftMs: ttft * asked.ttftMs, itlMs: itl * asked.itlMs };
      expect(carries(looser)).toBeGreaterThanOrEqual(own * ROUGH);
      for (const percentile of PERCENTILES) {
        if (percentile < asked.ttftPercentile)
          expect(carries({ ...asked, ttftPercentile: percentile })).toBeGreaterThanOrEqual(own * ROUGH);
        if (percentile < asked.itlPercentile)
          expect(carries({ ...asked, itlPercentile: percentile })).toBeGreaterThanOrEqual(own * ROUGH);
      }
    }),
    { seed: SEED, numRuns: runs(20) },
  );
});

test("with twice the memory, bandwidth, arithmetic or network nobody waits longer", () => {
  const part = fc.double({ min: 0.1, max: 1, noNaN: true });
  fc.assert(
    fc.property(unit, target, part, (of, asked, load) => {
      const { problem, layout } = unitOf(of);
      const rate = load * openCapacity(layout, problem, asked);
      const own = new OpenUnit(layout, { ...problem, target: asked }).at(rate);
      if (rate === 0 || own === null) return;
      for (const more of ["reading weights", "reading caches", "compute", "network", "memory"] as const) {
        const hardware = twiceOf(layout.type.hardware, more);
        const times = new OpenUnit(layout, { ...problem, target: asked }, hardware).at(rate);
        expect({ more, times }).not.toEqual({ more, times: null });
        expect(times?.ttftMs).toBeLessThanOrEqual(own.ttftMs / STEEPER);
        expect(times?.itlMs).toBeLessThanOrEqual(own.itlMs / STEEPER);
      }
    }),
    { seed: SEED, numRuns: runs(15) },
  );
});

test("more requests never wait less, and never need fewer GPUs", () => {
  const rate = fc.double({ min: 0.01, max: 60, noNaN: true });
  fc.assert(
    fc.property(unit, rate, rate, (of, a, b) => {
      const { problem, layout } = unitOf(of);
      const one = new OpenUnit(layout, problem);
      const [fewer, more] = [Math.min(a, b), Math.max(a, b)];
      const [before, after] = [one.at(fewer), one.at(more)];
      if (after === null) return;
      expect(before).not.toBeNull();
      expect(after.ttftMs).toBeGreaterThanOrEqual((before?.ttftMs ?? 0) * ROUGH);
      expect(after.itlMs).toBeGreaterThanOrEqual((before?.itlMs ?? 0) * ROUGH);
      const capacity = openCapacity(layout, problem);
      if (capacity > 0) expect(unitsFor(more, capacity)).toBeGreaterThanOrEqual(unitsFor(fewer, capacity));
    }),
    { seed: SEED, numRuns: runs(30) },
  );
});
