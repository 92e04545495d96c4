import { beforeAll, expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { readPlanProblem } from "../../src/plans/plan-inputs.ts";
import type { EngineStart } from "../../src/plans/starts/engine-start.ts";
import { engineStarts } from "../../src/plans/starts/engine-starts.ts";
import { startNotes } from "../../src/plans/starts/start-notes.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";
import type { Plan } from "../../src/planner/plan.ts";
import type { PlanProblem } from "../../src/planner/plan-problem.ts";
import type { Parallelism } from "../../src/twin/calibration/serving-point.ts";

const spread = (gpus: number): Parallelism => ({ tp: 1, dp: gpus, ep: gpus, moeTp: 1 });

let problem: PlanProblem;
beforeAll(async () => {
  problem = await smallPlanProblem();
});

/** As far as a start looks at it. */
function planOf(prefill: Parallelism | null, decode: Parallelism, redundantSlots = 0): Plan {
  const [{ layout }] = ratedLayouts(problem);
  const chosen = { layout: { ...layout, prefill, decode, redundantSlots } };
  return { chosen, running: 16 } as unknown as Plan;
}

test("pools for prompts and answers fill the slots of their own GPUs", () => {
  const starts = engineStarts(planOf(spread(4), spread(8), 1), problem);
  expect(starts.map(({ role, redundantExperts }) => [role, redundantExperts])).toEqual([
    ["prefill", 4],
    ["decode", 8],
  ]);
});

test("experts that do not divide evenly are filled up, and those of one GPU are not", () => {
  const model = { ...problem.model, experts: 10 };
  const of = (shape: Parallelism) => engineStarts(planOf(null, shape), { ...problem, model })[0];
  expect(of(spread(4)).redundantExperts).toBe(2);
  expect(of(spread(5)).redundantExperts).toBe(0);
  expect(of({ tp: 4, dp: 1, ep: 1, moeTp: 4 }).redundantExperts).toBe(0);
});

test("nodes are machines, which an NVLink domain may have several of", async () => {
  const on = async (gpu: string) => {
    const { problem: asked } = await readPlanProblem({
      model: "mixtral-8x7b",
      gpu,
      slo: "chat",
      rate: 1,
      maxGpus: 64,
      spare: "0",
      seed: 1,
    });
    const plan = planOf(null, spread(8));
    const { layout } = plan.chosen;
    const there = { ...plan, chosen: { ...plan.chosen, layout: { ...layout, type: asked.types[0] } } };
    return engineStarts(there, asked)[0];
  };
  expect(await on("gb200")).toMatchObject({ nodes: 2, oneDomain: true });
  expect(await on("h200")).toMatchObject({ nodes: 1, oneDomain: true });
});

test("what a checkpoint is not is made of it, or said", async () => {
  const asked = async (model: string, precision: "fp8" | "fp4" | "bf16") => {
    const { problem: one } = await readPlanProblem({
      model,
      precision,
      gpu: "h200",
      slo: "chat",
      rate: 1,
      maxGpus: 64,
      spare: "0",
      seed: 1,
    });
    const [start]: EngineStart[] = engineStarts(planOf(null, spread(8)), one);
    return { start, notes: startNotes("vllm", start, one), nvidia: startNotes("trtllm", start, one) };
  };
  const own = await asked("deepseek-v3", "fp8");
  expect(own.start).toMatchObject({ checkpoint: "deepseek-ai/DeepSeek-V3", quantize: null, cacheFp8: true });
  expect(own.notes).toEqual([]);
  const made = await asked("qwen3-235b-a22b", "fp8");
  expect(made.start).toMatchObject({ checkpoint: "Qwen/Qwen3-235B-A22B", quantize: "fp8", cacheFp8: true });
  expect(made.notes).toEqual([expect.stringContaining("starts faster")]);
  expect(made.nvidia).toEqual([expect.stringContaining("give TensorRT-LLM a checkpoint in fp8")]);
  const other = await asked("qwen3-235b-a22b", "fp4");
  expect(other.start).toMatchObject({ quantize: null, cacheFp8: true });
  expect(other.notes).toEqual([expect.stringContaining("give vLLM a checkpoint in fp4 in its place")]);
  expect((await asked("mixtral-8x7b", "bf16")).start).toMatchObject({ quantize: null, cacheFp8: false });
});
