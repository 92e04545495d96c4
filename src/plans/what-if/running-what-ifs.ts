import { InputError } from "../../lib/errors.ts";
import type { Counters } from "../../model/pool-counters.ts";
import { type FactSources, type PoolFacts, factsOf } from "./pool-facts.ts";
import { LOOK_EVERY_MS, RecentTraffic } from "./recent-traffic.ts";
import { WhatIfAnswers } from "./what-if-answers.ts";
import { whatIfSolver } from "./what-if-solver.ts";

/** What a gateway has of its pools. */
export interface GatewaySources {
  /** What `/admin/state` says of them. */
  readonly pools: () => unknown;
  /** Of a pool; null without an expert plane. */
  readonly plane: (pool: string) => Pick<FactSources, "model" | "snapshot" | "report"> | null;
  /** Of a pool, since the start. */
  readonly countersOf: (pool: string) => Counters;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** What a gateway's own pools would come to otherwise. */
export class RunningWhatIfs {
  readonly #sources: GatewaySources;
  readonly #traffic: RecentTraffic;
  readonly #answers: WhatIfAnswers;
  #timer: NodeJS.Timeout | null = null;

  constructor(sources: GatewaySources) {
    this.#sources = sources;
    this.#traffic = new RecentTraffic(sources.pools, sources.countersOf);
    this.#answers = new WhatIfAnswers(whatIfSolver(), (pool) => this.#factsOf(pool));
  }

  /** Begins to watch the traffic, and keeps no process running for it. */
  start(): void {
    this.#traffic.look();
    this.#timer ??= setInterval(() => this.#traffic.look(), LOOK_EVERY_MS).unref();
  }

  /** As `WhatIfAnswers.ask`. */
  ask(
    pool: string,
    body: Readonly<Record<string, unknown>>,
    left: AbortSignal,
    client: string,
  ): Promise<Uint8Array> {
    return this.#answers.ask(pool, body, left, client);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#answers.close();
  }

  #factsOf(pool: string): PoolFacts {
    const { pools, plane, wallClock } = this.#sources;
    const known = plane(pool);
    if (known === null) throw new InputError("pool", "", `${pool} has no expert plane any more`);
    const measured = this.#traffic.measured(pool);
    return factsOf(pool, { ...known, atMs: wallClock(), pools: pools(), measured });
  }
}
