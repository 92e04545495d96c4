import type { PlanProblem } from "../../../src/planner/plan-problem.ts";
import type { Trial } from "../../../src/planner/trial.ts";
import type { TrialJob, Trials } from "../../../src/planner/trials.ts";

/** Judges runs of users by means, as points are measured: their median between tokens has no prompts in it, their mean has. */
export class TrialsByMeans implements Trials {
  readonly #trials: Trials;
  readonly #problem: PlanProblem;

  constructor(trials: Trials, problem: PlanProblem) {
    this.#trials = trials;
    this.#problem = problem;
  }

  async run(job: TrialJob): Promise<Trial> {
    const { target, demand } = this.#problem;
    const trial = await this.#trials.run(job);
    const { e2eMs, tpotMs } = trial;
    if (e2eMs === null || tpotMs === null) return { ...trial, keeps: false };
    const ttftMs = e2eMs - (demand.answer - 1) * tpotMs;
    const keeps = ttftMs <= target.ttftMs && tpotMs <= target.itlMs;
    return { ...trial, ttftMs, itlMs: tpotMs, keeps };
  }

  expect(jobs: readonly TrialJob[]): void {
    this.#trials.expect(jobs);
  }
}
