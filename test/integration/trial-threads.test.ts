import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import type { PlanProblem } from "../../src/planner/plan-problem.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";
import { TrialsHere } from "../../src/planner/trials-here.ts";
import { TrialThreads } from "../../src/plans/trial-threads.ts";

const PROBLEM = { ...(await smallPlanProblem()), maxGpus: 8 };
const [{ layout }, { layout: other }] = ratedLayouts(PROBLEM);
const JOBS = [layout, other, layout].map((one, i) => ({ layout: one, power: 20 + i, seed: 3 }));

test("threads run what one would run, also what was expected before it is asked for", async () => {
  await using threads = new TrialThreads(PROBLEM, 2);
  const here = new TrialsHere(PROBLEM);
  threads.expect(JOBS.slice(1));
  const trials = await Promise.all(JOBS.map((job) => threads.run(job)));
  expect(trials).toEqual(await Promise.all(JOBS.map((job) => here.run(job))));
});

test("a job that fails is refused, and takes no other with it", async () => {
  await using threads = new TrialThreads(PROBLEM, 1);
  // A type of GPU that the threads have not been told of.
  const broken = { ...JOBS[0], layout: { ...layout, type: { ...layout.type } }, seed: 9 };
  const [bad, good] = await Promise.allSettled([threads.run(broken), threads.run(JOBS[0])]);
  expect(bad).toMatchObject({ status: "rejected" });
  expect(good).toMatchObject({ status: "fulfilled", value: { seed: 3 } });
});

test("what is asked for after the end, or when it comes, is refused and not left open", async () => {
  const threads = new TrialThreads(PROBLEM satisfies PlanProblem, 1);
  const open = JOBS.map((job) => threads.run(job));
  const ends = Promise.allSettled(open);
  await threads[Symbol.asyncDispose]();
  expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  await expect(threads.run(JOBS[0])).rejects.toThrow("closed");
});
