import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Layout } from "../planner/layout.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { Trial } from "../planner/trial.ts";
import { type TrialJob, type Trials, jobName } from "../planner/trials.ts";
import { entryFile } from "../files/package-files.ts";

const CLOSED = "the threads that run the twin are closed";
/** More would wait for each other's answers. */
const MOST_THREADS = 8;

/** A job for a thread, which has the problem and its types of GPU already. */
export interface ThreadJob extends Omit<TrialJob, "layout"> {
  readonly type: number;
  readonly layout: Omit<Layout, "type">;
}

interface Task {
  readonly job: TrialJob;
  readonly answer: PromiseWithResolvers<Trial>;
}

/**
 * Runs the twin in threads, one job in each at a time: what is asked for first, then what may be asked for. How many there
 * are changes no result.
 */
export class TrialThreads implements Trials, AsyncDisposable {
  readonly #problem: PlanProblem;
  readonly #threads: number;
  readonly #workers = new Map<Worker, Task | null>();
  #asked: Task[] = [];
  #expected: TrialJob[] = [];
  /** What runs, or ran, though nobody has asked for it yet. */
  readonly #ahead = new Map<string, Task>();
  #closed = false;

  constructor(problem: PlanProblem, threads = Math.min(MOST_THREADS, availableParallelism())) {
    this.#problem = problem;
    this.#threads = threads;
  }

  run(job: TrialJob): Promise<Trial> {
    if (this.#closed) return Promise.reject(new Error(CLOSED));
    const name = jobName(job);
    const ahead = this.#ahead.get(name);
    if (ahead !== undefined) {
      this.#ahead.delete(name);
      return ahead.answer.promise;
    }
    this.#expected = this.#expected.filter((one) => jobName(one) !== name);
    const task = { job, answer: Promise.withResolvers<Trial>() };
    this.#asked.push(task);
    this.#next();
    return task.answer.promise;
  }

  expect(jobs: readonly TrialJob[]): void {
    this.#expected = jobs.filter((job) => !this.#ahead.has(jobName(job)));
    this.#next();
  }

  /** What runs is given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const open = [...this.#asked, ...this.#workers.values()].filter((task) => task !== null);
    this.#asked = [];
    this.#expected = [];
    for (const { answer } of open) {
      answer.promise.catch(() => undefined);
      answer.reject(new Error(CLOSED));
    }
    await Promise.all([...this.#workers.keys()].map((worker) => worker.terminate()));
  }

  #next(): void {
    while (!this.#closed) {
      const idle = this.#idle();
      if (idle === null) return;
      const task = this.#asked.shift() ?? this.#expectedTask();
      if (task === null) return;
      const { layout, ...job } = task.job;
      const { type, ...shapes } = layout;
      this.#workers.set(idle, task);
      idle.postMessage({
        ...job,
        type: this.#problem.types.indexOf(type),
        layout: shapes,
      } satisfies ThreadJob);
    }
  }

  #expectedTask(): Task | null {
    const job = this.#expected.shift();
    if (job === undefined) return null;
    const task = { job, answer: Promise.withResolvers<Trial>() };
    // Whoever asks hears of it.
    task.answer.promise.catch(() => undefined);
    this.#ahead.set(jobName(job), task);
    return task;
  }

  #idle(): Worker | null {
    for (const [worker, task] of this.#workers) if (task === null) return worker;
    if (this.#workers.size === this.#threads) return null;
    if (this.#asked.length + this.#expected.length === 0) return null;
    const worker = new Worker(entryFile("plans/trial-worker"), { workerData: this.#problem });
    this.#workers.set(worker, null);
    worker.on("message", (trial: Trial) => this.#finish(worker, (task) => task.answer.resolve(trial)));
    // It takes what it runs with it, and no more: another one is started for the next job.
    const lose = (cause: unknown) => {
      if (this.#closed || !this.#workers.has(worker)) return;
      const task = this.#workers.get(worker) ?? null;
      this.#workers.delete(worker);
      if (task !== null) {
        this.#ahead.delete(jobName(task.job));
        task.answer.reject(new Error(`a thread is lost: ${String(cause)}`, { cause }));
      }
      this.#next();
    };
    worker.on("error", lose);
    worker.on("exit", (code) => lose(`exit code ${code}`));
    return worker;
  }

  #finish(worker: Worker, say: (task: Task) => void): void {
    const task = this.#workers.get(worker) ?? null;
    this.#workers.set(worker, null);
    if (task !== null) say(task);
    this.#next();
  }
}
