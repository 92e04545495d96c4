import { Worker } from "node:worker_threads";
import type { MoeModel } from "../../model/moe-model.ts";
import { FairQueue } from "./fair-queue.ts";
import type { Solved, ToSolve } from "./solved.ts";
import { entryFile } from "../../files/package-files.ts";

/** Bodies that wait while another is solved. */
const MOST_WAITING = 16;
/** What takes longer is given up. The largest models take a hundredth of it. */
const TIMEOUT_MS = 5000;
/** The same while others wait: less than engines wait for their answer. */
const SLICE_MS = 1000;
const WATCH_EVERY_MS = 100;
const PLACEMENTS = entryFile("control/solve/solver-worker");

interface Job {
  readonly client: string;
  readonly body: Uint8Array;
  resolve(file: Uint8Array): void;
  reject(cause: Error): void;
}

/** The body cannot be used; the message says what is wrong with which field. */
export class BodyRefused extends Error {
  override readonly name = "BodyRefused";
}

/** It solves for others already, or what is asked takes too long. */
export class SolverBusy extends Error {
  override readonly name = "SolverBusy";
}

/**
 * Solves placements, or what else its worker solves, in a thread of its own, one after another, for whoever asks; nothing
 * is kept between two. Nobody is kept waiting by what others ask: who has used the thread least goes first, and what takes
 * long gives way to others. A thread that dies takes what it solves with it, and is replaced for the next.
 */
export class Solver {
  readonly #models: () => Promise<readonly MoeModel[]>;
  readonly #timeoutMs: number;
  readonly #sliceMs: number;
  readonly #file: string | URL;
  readonly #givesUp: boolean;
  readonly #waiting = new FairQueue<Job>(MOST_WAITING);
  #running: Job | null = null;
  #givenMs = 0;
  /** When the thread, which may have had to start first, took it up; null before. */
  #begunMs: number | null = null;
  #known: Promise<readonly MoeModel[]> | null = null;
  #worker: Worker | null = null;
  #watch: NodeJS.Timeout | null = null;

  /**
   * @param models    those that a body may name, asked for with the first
   * @param timeoutMs for one body
   * @param sliceMs   for one body while others wait
   * @param file      of the worker: it runs `answerBodies`
   * @param givesUp   whether what nobody wants any more is given up while it is solved; a new thread takes half a second
   */
  constructor(
    models: () => Promise<readonly MoeModel[]>,
    timeoutMs: number = TIMEOUT_MS,
    sliceMs: number = SLICE_MS,
    file: string | URL = PLACEMENTS,
    givesUp = false,
  ) {
    this.#models = models;
    this.#timeoutMs = timeoutMs;
    this.#sliceMs = sliceMs;
    this.#file = file;
    this.#givesUp = givesUp;
  }

  /**
   * Rejects with BodyRefused and SolverBusy.
   * @param body a problem in JSON; of a placement: solve-request.ts
   * @param left aborted when nobody wants the answer any more: what waits gives up its place
   * @param client who asks
   * @returns the answer's file: of a placement problem the placement
   */
  solve(body: Uint8Array, left: AbortSignal, client = ""): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const job: Job = { client, body, resolve, reject };
      const busy = new SolverBusy(`${MOST_WAITING} others wait to be solved already.`);
      this.#waiting.push(client, job)?.reject(busy);
      left.addEventListener("abort", () => this.#leave(job, left.reason as Error), { once: true });
      this.#next();
    });
  }

  async close(): Promise<void> {
    const cause = new SolverBusy("The gateway stops.");
    for (let job = this.#waiting.shift(); job !== null; job = this.#waiting.shift()) job.reject(cause);
    await this.#lose(cause);
  }

  #leave(job: Job, why: Error): void {
    this.#waiting.remove(job.client, job);
    job.reject(why);
    if (this.#givesUp && job === this.#running) void this.#lose(why);
  }

  #next(): void {
    if (this.#running !== null) return;
    const job = this.#waiting.shift();
    if (job === null) return;
    this.#running = job;
    this.#givenMs = performance.now();
    this.#begunMs = null;
    const worker = (this.#worker ??= this.#start());
    const every = Math.min(WATCH_EVERY_MS, this.#timeoutMs);
    this.#watch = setInterval(() => this.#giveUpLate(job), every);
    this.#known ??= this.#models();
    this.#known.then(
      (models) => worker.postMessage({ body: job.body, models } satisfies ToSolve),
      (cause: unknown) => {
        this.#known = null;
        void this.#lose(new Error(`the models cannot be read: ${String(cause)}`, { cause }));
      },
    );
  }

  #giveUpLate({ client }: Job): void {
    const nowMs = performance.now();
    let late: string | null = null;
    if (nowMs - this.#givenMs >= this.#timeoutMs) late = `${this.#timeoutMs} ms.`;
    else if (nowMs - (this.#begunMs ?? nowMs) >= this.#sliceMs && this.#waiting.othersThan(client))
      late = `${this.#sliceMs} ms, and others wait.`;
    if (late !== null) void this.#lose(new SolverBusy(`It was not solved within ${late}`));
  }

  #start(): Worker {
    const worker = new Worker(this.#file);
    const lose = (cause: unknown) => {
      if (worker === this.#worker)
        void this.#lose(new Error(`the solver is lost: ${String(cause)}`, { cause }));
    };
    worker.on("message", (solved: Solved) => {
      if (worker !== this.#worker) return;
      if (solved.kind === "begun") {
        this.#begunMs = performance.now();
        return;
      }
      const job = this.#done();
      if (solved.kind === "file") job?.resolve(solved.file);
      else job?.reject(new BodyRefused(solved.why));
      this.#next();
    });
    worker.on("error", lose);
    worker.on("exit", (code) => lose(`exit code ${code}`));
    // It keeps no process running that has nothing else to do.
    worker.unref();
    return worker;
  }

  async #lose(cause: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#done()?.reject(cause);
    this.#next();
    await worker?.terminate();
  }

  #done(): Job | null {
    const job = this.#running;
    this.#running = null;
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
    if (job !== null) this.#waiting.charge(job.client, performance.now() - (this.#begunMs ?? this.#givenMs));
    return job;
  }
}
