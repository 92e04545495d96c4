import type { ResponseHeaders, Shard } from "../engine.ts";
import type { FailureKind } from "../health/pool-health.ts";
import type { ServingPool } from "../serving-pool.ts";

/** From this status on it is the engine's fault. */
const FAILED = 500;

/** What is counted on one shard for one sending of a request, from `begin` to exactly one end. */
export class Leg {
  readonly index: number;
  readonly shard: Shard;
  readonly #pool: ServingPool;
  readonly #inputTokens: number;
  readonly #outputTokens: number;
  readonly #sentAt: number;
  #prefilling = true;
  #counted = true;
  /** Whether the pool's health knows how it went. */
  #judged = false;

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

  /** The first byte is there. */
  answered(status: number, nowMs: number): void {
    this.#prefilled();
    this.#judged = true;
    if (status >= FAILED) this.#pool.health.failed(this.index, "status");
    else this.#pool.health.succeeded(this.index, nowMs - this.#sentAt);
  }

  /** The answer is there in full, or is another shard's to give. */
  finished(): void {
    if (!this.#counted) return;
    if (!this.#judged) this.#pool.health.cancelled(this.index);
    this.#counted = false;
    this.#prefilled();
    this.#pool.states.end(this.index, this.#inputTokens, this.#outputTokens);
  }

  broke(kind: FailureKind): void {
    if (!this.#counted) return;
    this.#pool.health.failed(this.index, kind);
    this.#judged = true;
    this.finished();
  }

  /** The engine would not, and another may: its fault only if the status says so. */
  turnedAway(status: number): void {
    if (status >= FAILED) this.broke("status");
    else this.finished();
  }

  #prefilled(): void {
    if (!this.#prefilling) return;
    this.#prefilling = false;
    this.#pool.states.answered(this.index, this.#inputTokens);
  }
}
