import { type ResponseHeaders, type Shard, instanceOf } from "../engine.ts";
import type { RoutableRequest } from "../../routing/routable-request.ts";
import type { FailureKind } from "../health/outcome.ts";
import type { PoolHealth } from "../health/pool-health.ts";
import type { ServingPool } from "../serving-pool.ts";

/** From this status on it is the engine's fault. */
const FAILED = 500;

/**
 * What is counted on one shard for one attempt of a request. Its life: prefilling, then decoding from the first byte
 * on, then over. Whatever ends it, the shard's counts are given back once, and the outcome is reported to the pool's
 * health once; a break may follow a good first byte. Where another pool has taken the place of its own, that one's health
 * receives the outcome.
 */
export class Leg {
  readonly index: number;
  readonly shard: Shard;
  readonly pool: ServingPool;
  readonly #inputTokens: number;
  readonly #outputTokens: number;
  readonly #prefillTokens: number;
  /** Tokens of prompts that were to be computed until its first byte, its own the last. */
  readonly #aheadTokens: number;
  readonly #sentAt: number;
  #stage: "prefilling" | "decoding" | "over" = "prefilling";
  /** Whether the pool's health has its outcome, and whether that is a failure. */
  #reported = false;
  #failed = false;
  /** Whether it has said how fast its shard prefills. */
  #learned = false;

  /** @param prefillTokens those of its prompt that the shard has to compute */
  constructor(
    pool: ServingPool,
    index: number,
    { inputTokens, outputTokens }: Pick<RoutableRequest, "inputTokens" | "outputTokens">,
    prefillTokens: number,
    nowMs: number,
  ) {
    this.index = index;
    this.shard = pool.engine.shards[index];
    this.pool = pool;
    this.#inputTokens = inputTokens;
    this.#outputTokens = outputTokens;
    this.#prefillTokens = prefillTokens;
    this.#sentAt = nowMs;
    pool.legs++;
    pool.states.begin(index, inputTokens, outputTokens, prefillTokens);
    this.#aheadTokens = pool.states.prefillTokens[index];
    this.#health((health, at) => health.began(at));
  }

  headersReceived({ kvUse }: ResponseHeaders): void {
    if (kvUse !== null) this.pool.states.reportKv(this.index, kvUse, null);
  }

  /**
   * Its first token has come, so that the prompt is computed: an answer may begin before, with an event that says nothing
   * yet. Without effect after the first time.
   * @param atMs null while it has not come
   */
  firstToken(atMs: number | null): void {
    if (atMs === null || this.#learned) return;
    this.#learned = true;
    const { current } = this.pool;
    const at = this.placeIn(current);
    if (at >= 0) current.states.speeds.observe(at, this.#aheadTokens, atMs - this.#sentAt);
  }

  /** The first byte has arrived, or the end without one. */
  answered(status: number, nowMs: number): void {
    if (this.#stage !== "prefilling") return;
    this.#prefilled();
    this.#reported = true;
    this.#failed = status >= FAILED;
    const waitedMs = nowMs - this.#sentAt;
    this.#health((health, at) =>
      this.#failed ? health.failed(at, "status") : health.succeeded(at, waitedMs),
    );
  }

  /** The answer is complete, or no longer wanted. */
  finished(): void {
    if (this.#stage === "over") return;
    if (!this.#reported) this.#health((health, at) => health.cancelled(at));
    if (this.#stage === "prefilling") this.#prefilled();
    this.#stage = "over";
    this.pool.legs--;
    this.pool.states.end(this.index, this.#inputTokens, this.#outputTokens);
  }

  broke(kind: FailureKind): void {
    if (this.#stage === "over") return;
    this.#reported = true;
    if (!this.#failed) this.#health((health, at) => health.failed(at, kind));
    this.finished();
  }

  /** The shard refused the attempt and another may be tried; it is the shard's fault only if the status says so. */
  refused(status: number): void {
    if (status >= FAILED) this.broke("status");
    else this.finished();
  }

  /** Whether the shard's server answers others. */
  get answers(): boolean {
    const { current } = this.pool;
    const at = this.placeIn(current);
    return at >= 0 && current.health.answers(at);
  }

  /** Where the shard is in another pool of the line; −1 where it is not. */
  placeIn(pool: ServingPool): number {
    return pool === this.pool ? this.index : pool.placeOf(instanceOf(this.shard));
  }

  /** Nobody asks for the health of a shard that is gone. */
  #health(report: (health: PoolHealth, at: number) => void): void {
    const { current } = this.pool;
    const at = this.placeIn(current);
    if (at >= 0) report(current.health, at);
  }

  #prefilled(): void {
    this.#stage = "decoding";
    this.pool.states.answered(this.index, this.#prefillTokens);
  }
}
