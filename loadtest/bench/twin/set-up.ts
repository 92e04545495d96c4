import type { Layout } from "../../../src/planner/layout.ts";
import { PlanRoutings } from "../../../src/planner/plan-routing.ts";
import { trial } from "../../../src/planner/trial.ts";
import { flagsOf } from "../../../src/plans/read-question.ts";
import { readPlanProblem } from "../../../src/plans/plan-inputs.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";

const CHAT = { model: "qwen3-235b-a22b", isl: 512, osl: 256, rate: 0.8, tpotMs: 17 };
const RETRIEVAL = { model: "deepseek-v3", isl: 4096, osl: 512, rate: 4, tpotMs: 35 };

const alone = (tp: number, dp: number, ep: number, moeTp = 1) => ({ tp, dp, ep, moeTp });

/** Units that plans are made of, each at a rate that it carries. */
const UNITS = [
  { name: "TP2", of: CHAT, prefill: null, decode: alone(2, 1, 1, 2), redundantSlots: 0 },
  {
    name: "DP8, EP8 beside DP8, EP8",
    of: RETRIEVAL,
    prefill: alone(1, 8, 8),
    decode: alone(1, 8, 8),
    redundantSlots: 0,
  },
  {
    name: "the same, 1 redundant slot a GPU",
    of: RETRIEVAL,
    prefill: alone(1, 8, 8),
    decode: alone(1, 8, 8),
    redundantSlots: 1,
  },
] as const;

/** What runs of the planner cost: the first with what it makes for those that follow, and one of these. */
export async function setUpTable({ seed, progress }: Bench): Promise<BenchTable> {
  const rows: (string | number)[][] = [];
  for (const { name, of, ...shapes } of UNITS) {
    progress(`set-up: ${of.model}, ${name}`);
    const { model, isl, osl, rate, tpotMs } = of;
    const question = {
      model,
      precision: "fp8",
      gpu: "h200",
      isl,
      osl,
      rate,
      ttftP95: 5000,
      itlP95: 60,
      seed,
    };
    const { problem } = await readPlanProblem(flagsOf(question));
    const layout: Layout = { type: problem.types[0], stepTokens: 8192, ...shapes };
    const routing = new PlanRoutings(problem).at();
    const cost = (own: number) => {
      const before = process.cpuUsage();
      const options = { rate, seed: own, requests: 300, tpotMs, routing, whole: true };
      let steps = 0;
      for (const _ of trial(layout, problem, options)) steps++;
      const { user, system } = process.cpuUsage(before);
      return { steps, seconds: (user + system) / 1e6 };
    };
    const [first, , next] = [cost(seed), cost(seed + 1), cost(seed + 2)];
    rows.push([
      model,
      name,
      first.seconds - next.seconds,
      next.seconds,
      next.steps,
      (1e6 * next.seconds) / next.steps,
    ]);
  }
  return {
    title: "What a run of the planner costs",
    columns: [
      { name: "model" },
      { name: "unit" },
      { name: "set-up, CPU s", digits: 2 },
      { name: "run, CPU s", digits: 2 },
      { name: "steps" },
      { name: "µs a step" },
    ],
    rows,
    notes: [
      "Some 300 requests that count, after those of an answer's time: one of the runs that a plan is confirmed by.",
      "Set-up: what the first run costs more than the third, which a search pays once: rows of the routing, how likely experts are, placements in their stride, and programs that are compiled.",
    ],
    aims: [],
  };
}
