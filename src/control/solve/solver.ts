import { Worker } from "node:worker_threads";
import type { MoeModel } from "../../model/moe-model.ts";
import { FairQueue } from "./fair-queue.ts";
import type { Solved } from "./solver-worker.ts";

/** Bodies that wait while another is solved. */
const MOST_WAITING = 16;
/** What takes longer is given up. The largest models take a hundredth of it. */
const TIMEOUT_MS = 5000;

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
 * Solves placements in a thread of its own, one after another, for whoever asks, in turn; nothing is kept between two.
 * A thread that dies takes what it solves with it, and is replaced for the next.
 */
export class Solver {
  readonly #models: readonly MoeModel[];
  readonly #timeoutMs: number;
  readonly #waiting = new FairQueue<Job>(MOST_WAITING);
  #running: Job | null = null;
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param models    those that a body may name
   * @param timeoutMs for one body
   */
  constructor(models: readonly MoeModel[], timeoutMs: number = TIMEOUT_MS) {
    this.#models = models;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Rejects with BodyRefused and SolverBusy.
   * @param body a placement problem in JSON (solver-request.ts)
   * @param left aborted when nobody wants the answer any more: what waits gives up its place
   * @param client who asks: clients take turns, and none can keep another from a place
   * @returns the placement file
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

  /** What is being solved is solved to its end: a new thread would take longer. */
  #leave(job: Job, why: Error): void {
    this.#waiting.remove(job.client, job);
    job.reject(why);
  }

  #next(): void {
    if (this.#running !== null) return;
    const job = this.#waiting.shift();
    if (job === null) return;
    this.#running = job;
    this.#worker ??= this.#start();
    const late = new SolverBusy(`It was not solved within ${this.#timeoutMs} ms.`);
    this.#timer = setTimeout(() => void this.#lose(late), this.#timeoutMs);
    this.#worker.postMessage(job.body);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./solver-worker.ts", import.meta.url), { workerData: this.#models });
    const lose = (cause: unknown) => {
      if (worker === this.#worker)
        void this.#lose(new Error(`the solver is lost: ${String(cause)}`, { cause }));
    };
    worker.on("message", (solved: Solved) => {
      if (worker !== this.#worker) return;
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
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return job;
  }
}
