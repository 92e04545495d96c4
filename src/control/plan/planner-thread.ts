import { Worker } from "node:worker_threads";
import type { Decision, Survival } from "../../core/planning/decision.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { PlannerThreadData, Questions, ToPlanner } from "./planner-protocol.ts";
import type { Loss, Outlook, Planner, PlannerOptions, Round } from "./planner.ts";
import { entryFile } from "../../files/package-files.ts";

interface Waiting {
  resolve(value: never): void;
  reject(cause: Error): void;
}

/**
 * Plans in a thread of its own, so that the gateway's thread only copies what goes in and comes out. One thread for
 * each pool: no pool waits for another's plan, and a thread that dies takes one pool's history of loads with it.
 * A lost thread is replaced at the next question, by one that starts from the current plan.
 */
export class PlannerThread implements Planner {
  readonly #options: PlannerOptions;
  readonly #clock: Clock;
  readonly #onFault: (fault: Error) => void;
  readonly #waiting: Waiting[] = [];
  #worker: Worker | null = null;
  #current: Plan | null = null;

  /** @param onFault receives a thread that was lost while no question was open; an open question rejects */
  constructor(options: PlannerOptions, clock: Clock, onFault: (fault: Error) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  current(): Promise<Plan> {
    return this.#ask("current");
  }

  plan(round: Round): Promise<Outlook> {
    return this.#ask("plan", round);
  }

  replan(capacity: PoolCapacity): Promise<Decision> {
    return this.#ask("replan", capacity);
  }

  reshare(placement: Placement): Promise<Plan> {
    return this.#ask("reshare", placement);
  }

  survive(loss: Loss): Promise<Survival> {
    return this.#ask("survive", loss);
  }

  learned(): Promise<ExpertLoad> {
    return this.#ask("learned");
  }

  learn(load: ExpertLoad): void {
    this.#send({ kind: "learn", load });
  }

  accept(plan: Plan): void {
    this.#current = plan;
    if (this.#worker !== null) this.#send({ kind: "accept", plan });
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#forget(new Error("the planner is closed"));
    await worker?.terminate();
  }

  #ask<K extends keyof Questions>(
    question: K,
    ...about: Parameters<Questions[K]>
  ): Promise<Awaited<ReturnType<Questions[K]>>> {
    return new Promise<Awaited<ReturnType<Questions[K]>>>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#send({ kind: "ask", question, about });
    });
  }

  #send(message: ToPlanner): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #start(): Worker {
    const data: PlannerThreadData = {
      options: this.#options,
      startMs: this.#clock.now(),
      current: this.#current,
    };
    const worker = new Worker(entryFile("control/plan/planner-worker"), { workerData: data });
    const lose = (cause: unknown) => {
      if (worker !== this.#worker) return;
      const loss = new Error(`the planner is lost and starts again: ${String(cause)}`, { cause });
      if (this.#waiting.length === 0) this.#onFault(loss);
      this.#forget(loss);
    };
    worker.on("message", (answer: unknown) => {
      if (worker === this.#worker) this.#waiting.shift()?.resolve(answer as never);
    });
    worker.on("error", lose);
    worker.on("exit", (code) => lose(`exit code ${code}`));
    return worker;
  }

  /** What is open is refused, and what the thread knew is gone. */
  #forget(cause: Error): void {
    this.#worker = null;
    for (const { reject } of this.#waiting.splice(0)) reject(cause);
  }
}
