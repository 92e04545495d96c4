import { Worker } from "node:worker_threads";
import type { Plan } from "../core/planning/balancer.ts";
import type { Clock } from "../lib/clock.ts";
import type { PlannerAnswers, PlannerThreadData, ToPlanner } from "./planner-protocol.ts";
import type { Outlook, Planner, PlannerOptions, Round } from "./planner.ts";

type Question = Exclude<ToPlanner, { kind: "accept" }>;

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
  /** What the running thread handed over last. */
  #handedOver: Plan | null = null;

  /** @param onFault hears of a thread that was lost while no question was open; an open question rejects */
  constructor(options: PlannerOptions, clock: Clock, onFault: (fault: Error) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  async current(): Promise<Plan> {
    const plan = await this.#ask<"current">({ kind: "current" });
    this.#handedOver = plan;
    return plan;
  }

  async plan(round: Round): Promise<Outlook> {
    const outlook = await this.#ask<"plan">({ kind: "plan", round });
    this.#handedOver = outlook.decision?.plan ?? this.#handedOver;
    return outlook;
  }

  accept(plan: Plan): void {
    this.#current = plan;
    const message: ToPlanner = { kind: "accept", plan: plan === this.#handedOver ? null : plan };
    this.#worker?.postMessage(message);
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#forget(new Error("the planner is closed"));
    await worker?.terminate();
  }

  #ask<K extends Question["kind"]>(question: Extract<Question, { kind: K }>): Promise<PlannerAnswers[K]> {
    const worker = (this.#worker ??= this.#start());
    return new Promise<PlannerAnswers[K]>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(question);
    });
  }

  #start(): Worker {
    const data: PlannerThreadData = {
      options: this.#options,
      startMs: this.#clock.now(),
      current: this.#current,
    };
    const worker = new Worker(new URL("./planner-worker.ts", import.meta.url), { workerData: data });
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
    this.#handedOver = null;
    for (const { reject } of this.#waiting.splice(0)) reject(cause);
  }
}
