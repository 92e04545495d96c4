import type { ResponseHeaders, Shard } from "../engine.ts";
import type { FailureKind } from "../health/pool-health.ts";
import type { ServingPool } from "../serving-pool.ts";

/** From this status on it is the engine's fault. */
const FAILED = 500;

/**
 * What is counted on one shard for one attempt of a request. Its life: prefilling, then decoding from the first byte
 * on, then over. Whatever ends it, the shard's counts are given back once, and the outcome is reported to the pool's
 * health once; a break may follow a good first byte.
 */
export class Leg {
  readonly index: number;
  readonly shard: Shard;
  readonly #pool: ServingPool;
  readonly #inputTokens: number;
  readonly #outputTokens: number;
  readonly #sentAt: number;
  #stage: "prefilling" | "decoding" | "over" = "prefilling";
  /** Whether the pool's health has its outcome, and whether that is a failure. */
  #reported = false;
  #failed = false;

  constructor(pool: ServingPool, index: number, inputTokens: number, outputTokens: number, nowMs: number) {
    this.index = index;
    this.shard = pool.engine.shards[index];
    this.#pool = pool;
    this.#inputTokens = inputTokens;
    this.#outputTokens = outputTokens;
    this.#sentAt = nowMs;
    pool.states.begin(index, inputTokens, outputTokens);
    pool.health.began(index);
  }

  headersReceived({ kvUse }: ResponseHeaders): void {
    if (kvUse !== null) this.#pool.states.reportKv(this.index, kvUse, null);
  }

  /** The first byte has arrived, or the end without one. */
  answered(status: number, nowMs: number): void {
    if (this.#stage !== "prefilling") return;
    this.#prefilled();
    this.#reported = true;
    this.#failed = status >= FAILED;
    if (this.#failed) this.#pool.health.failed(this.index, "status");
    else this.#pool.health.succeeded(this.index, nowMs - this.#sentAt);
  }

  /** The answer is complete, or no longer wanted. */
  finished(): void {
    if (this.#stage === "over") return;
    if (!this.#reported) this.#pool.health.cancelled(this.index);
    if (this.#stage === "prefilling") this.#prefilled();
    this.#stage = "over";
    this.#pool.states.end(this.index, this.#inputTokens, this.#outputTokens);
  }

  broke(kind: FailureKind): void {
    if (this.#stage === "over") return;
    this.#reported = true;
    if (!this.#failed) this.#pool.health.failed(this.index, kind);
    this.finished();
  }

  /** The shard refused the attempt and another may be tried; it is the shard's fault only if the status says so. */
  refused(status: number): void {
    if (status >= FAILED) this.broke("status");
    else this.finished();
  }

  #prefilled(): void {
    this.#stage = "decoding";
    this.#pool.states.answered(this.index, this.#inputTokens);
  }
}
