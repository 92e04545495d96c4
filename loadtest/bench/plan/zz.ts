import { readMeasuredPoints } from "./measured-candidates.ts";
import { readQuestion } from "./plan-question.ts";
import { sayLayout } from "../../../src/planner/layout.ts";
import { ratedLayouts } from "../../../src/planner/rated-layouts.ts";
import { TrialsHere } from "../../../src/planner/trials-here.ts";
import { KnownTrials } from "../../../src/planner/known-trials.ts";
import { LoadLines } from "../../../src/planner/load-line.ts";
import { makePlan, isPlan } from "../../../src/planner/plan.ts";
import { rateOf } from "../../../src/planner/trials.ts";
import { routingSources } from "../../../src/twin/routing-sources.ts";
const [id, factor] = [process.argv[2], Number(process.argv[3] ?? 1.1)];
const all = await readMeasuredPoints("/work/shared/data/measured/measured.csv");
const { point, measured } = all.find((o) => o.row.id.startsWith(id))!;
const mean = (1 + point.lengthRatio) / 2;
const { problem, errors } = await readQuestion(point, {
  isl: Math.round(point.isl * mean),
  osl: Math.round(point.osl * mean),
  rate: (measured.outTokSGpu * point.gpus) / point.osl,
  ttftP95: factor * measured.ttftMs,
  itlP95: factor * measured.tpotMs,
});
console.log(point.decode, point.gpus, "c", point.concurrency, problem.demand.rate, problem.target);
let t0 = performance.now();
const rated = ratedLayouts(problem);
console.log("rated", rated.length, (performance.now() - t0).toFixed(0));
for (const r of rated.slice(0, 6)) console.log(" ", sayLayout(r.layout), r.open.toFixed(3), r.gpus);
const here = new TrialsHere(problem, routingSources(problem.model, 1, null));
let n = 0;
const timed = {
  async run(job: any) {
    const t = process.cpuUsage().user;
    const r = await here.run(job);
    n++;
    console.log(
      n,
      sayLayout(job.layout),
      rateOf(job.power).toFixed(3),
      job.seed,
      r.keeps,
      "ttft",
      r.ttftMs?.toFixed(0),
      "itl",
      r.itlMs?.toFixed(1),
      ((process.cpuUsage().user - t) / 1e6).toFixed(2),
    );
    return r;
  },
  expect() {},
};
const plan = await makePlan(problem, new LoadLines(new KnownTrials(timed), 1), errors, {
  progress() {},
  signal: new AbortController().signal,
});
if (isPlan(plan))
  console.log(sayLayout(plan.chosen.layout), plan.units, plan.chosen.gpus, plan.chosen.line.rate);
else console.log("none");
