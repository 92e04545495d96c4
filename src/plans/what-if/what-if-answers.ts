import { serialize } from "node:v8";
import type { Solver } from "../../control/solve/solver.ts";
import { RecentMap } from "../../lib/recent-map.ts";
import type { PoolFacts } from "./pool-facts.ts";
import { readWhatIf } from "./question.ts";
import { sameFacts } from "./same-facts.ts";
import type { WhatIfJob } from "./what-if-job.ts";

/** Pools whose answers are kept. */
const MOST_POOLS = 8;

/** One question that some wait for, or its answer. */
interface Asked {
  readonly file: Promise<Uint8Array>;
  /** Nobody waits any more. */
  readonly stop: AbortController;
  waiting: number;
  done: boolean;
}

interface Known {
  readonly facts: PoolFacts;
  readonly facing: number;
  /** By question. */
  readonly answers: Map<string, Asked>;
}

/**
 * Answers what-ifs of pools that run, each worked out once as long as nothing that it says of the pool has changed. Whoever
 * asks the same meanwhile waits with the others; when the last of them leaves, it is given up.
 */
export class WhatIfAnswers {
  readonly #solver: Pick<Solver, "solve" | "close">;
  readonly #factsOf: (pool: string) => PoolFacts;
  readonly #known = new RecentMap<string, Known>(2 * MOST_POOLS);
  #facts = 0;

  /** @param factsOf a pool with an expert plane, as it is now */
  constructor(solver: Pick<Solver, "solve" | "close">, factsOf: (pool: string) => PoolFacts) {
    this.#solver = solver;
    this.#factsOf = factsOf;
  }

  /**
   * Rejects with InputError, BodyRefused and SolverBusy.
   * @param body what is asked, in JSON's own types
   * @param left aborted when the asker is gone
   * @returns the answer in JSON
   */
  async ask(
    pool: string,
    body: Readonly<Record<string, unknown>>,
    left: AbortSignal,
    client: string,
  ): Promise<Uint8Array> {
    const question = readWhatIf(body);
    const { facts, facing, answers } = this.#knownOf(pool);
    const name = JSON.stringify(question);
    let asked = answers.get(name);
    if (asked === undefined) {
      asked = this.#begin({ question, facts, facing }, client);
      answers.set(name, asked);
      asked.file.catch(() => answers.delete(name));
    }
    return this.#waitWith(asked, left);
  }

  close(): Promise<void> {
    return this.#solver.close();
  }

  #knownOf(pool: string): Known {
    const facts = this.#factsOf(pool);
    const before = this.#known.get(pool);
    if (before !== undefined && sameFacts(before.facts, facts)) return before;
    const known = { facts, facing: ++this.#facts, answers: new Map<string, Asked>() };
    this.#known.set(pool, known);
    return known;
  }

  #begin(job: WhatIfJob, client: string): Asked {
    const stop = new AbortController();
    const file = this.#solver.solve(serialize(job), stop.signal, client);
    const asked: Asked = { file, stop, waiting: 0, done: false };
    const over = () => {
      asked.done = true;
    };
    file.then(over, over);
    return asked;
  }

  async #waitWith(asked: Asked, left: AbortSignal): Promise<Uint8Array> {
    left.throwIfAborted();
    asked.waiting++;
    const gone = Promise.withResolvers<never>();
    const leave = () => {
      gone.reject(left.reason as Error);
      if (--asked.waiting === 0 && !asked.done) asked.stop.abort(left.reason);
    };
    left.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([asked.file, gone.promise]);
    } finally {
      left.removeEventListener("abort", leave);
      gone.promise.catch(() => undefined);
    }
  }
}
