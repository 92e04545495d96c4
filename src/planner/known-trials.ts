import type { Trial } from "./trial.ts";
import { type TrialJob, type Trials, jobName } from "./trials.ts";

/** What a job came to. A plan's file keeps them, so that the next question is answered sooner. */
export interface KnownTrial {
  readonly job: string;
  readonly trial: Trial;
}

/** Asks for each job once, whoever asks how often. */
export class KnownTrials implements Trials {
  readonly #trials: Trials;
  readonly #asked = new Map<string, Promise<Trial>>();
  readonly #known = new Map<string, Trial>();

  /** @param earlier of the same problem, but for its rate, budget and spares */
  constructor(trials: Trials, earlier: readonly KnownTrial[] = []) {
    this.#trials = trials;
    for (const { job, trial } of earlier) this.#known.set(job, trial);
  }

  /** In the order in which they became known. */
  get known(): KnownTrial[] {
    return Array.from(this.#known, ([job, trial]) => ({ job, trial }));
  }

  async run(job: TrialJob): Promise<Trial> {
    const name = jobName(job);
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const asked = this.#asked.get(name) ?? this.#trials.run(job);
    this.#asked.set(name, asked);
    try {
      const trial = await asked;
      this.#known.set(name, trial);
      return trial;
    } finally {
      // What failed may be asked again.
      this.#asked.delete(name);
    }
  }

  expect(jobs: readonly TrialJob[]): void {
    this.#trials.expect(
      jobs.filter((job) => !this.#known.has(jobName(job)) && !this.#asked.has(jobName(job))),
    );
  }
}
