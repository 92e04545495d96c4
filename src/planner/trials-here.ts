import { PlanRoutings } from "./plan-routing.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { Trial } from "./trial.ts";
import { type TrialJob, type Trials, runTrial } from "./trials.ts";

/** Runs each job where it is asked for, when it is asked for. */
export class TrialsHere implements Trials {
  readonly #problem: PlanProblem;
  readonly #routings: PlanRoutings;
  readonly #requests: number | undefined;

  constructor(problem: PlanProblem, requests?: number) {
    this.#problem = problem;
    this.#routings = new PlanRoutings(problem);
    this.#requests = requests;
  }

  async run(job: TrialJob): Promise<Trial> {
    const steps = runTrial(this.#problem, this.#routings, job, this.#requests);
    for (;;) {
      const next = steps.next();
      if (next.done === true) return next.value;
    }
  }

  expect(): void {}
}
