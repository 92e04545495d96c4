import type { RoutableRequest } from "../../routing/routable-request.ts";
import type { Unavailable } from "../../routing/plug-in.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { FlightDeck } from "./flight-deck.ts";

/** Where one request was tried, and whether it may be sent once more. */
export class Resending {
  /** Shards that failed it; read by the router. */
  readonly tried: number[] = [];
  readonly triedPrefill: number[] = [];
  readonly #deck: FlightDeck;
  readonly #pool: ServingPool;
  readonly #prefill: ServingPool | null;
  readonly #once: boolean;
  #sent = 0;
  /** How often it was sent again out of the budget. */
  #paid = 0;

  /**
   * @param prefill null where the shards of `pool` prefill what they answer
   * @param once what was sent cannot be sent again
   */
  constructor(deck: FlightDeck, pool: ServingPool, prefill: ServingPool | null, once: boolean) {
    this.#deck = deck;
    this.#pool = pool;
    this.#prefill = prefill;
    this.#once = once;
  }

  sent(): void {
    if (this.#sent++ === 0) this.#deck.retryBudget.began(this.#deck.clock.now());
    else this.#deck.meter.resent(this.#pool.engine.pool);
  }

  /**
   * Whether it may be sent to a shard that has not failed it, or, where every one has and `again` allows, to any. The
   * retry budget is spent only where there is a shard to send to. What was never sent costs the engines nothing, so
   * each shard may be tried once without the budget.
   */
  mayResend(request: RoutableRequest, mayHaveBegun: boolean, again: boolean): boolean {
    const { retry, retryBudget, clock } = this.#deck;
    if (this.#once) return false;
    let paid = mayHaveBegun;
    if (this.unavailable(request) !== null) {
      if (!again || this.#noneTried) return false;
      this.tried.length = 0;
      this.triedPrefill.length = 0;
      if (this.unavailable(request) !== null) return false;
      paid = true;
    }
    if (!paid) return true;
    if (this.#paid + 1 >= retry.maxAttempts) return false;
    if (!retryBudget.take(clock.now())) {
      this.#deck.meter.retryDenied(this.#pool.engine.pool);
      return false;
    }
    this.#paid++;
    return true;
  }

  /** Which filter keeps the request from every shard; null where one may serve it. */
  unavailable(request: RoutableRequest): Unavailable | null {
    const own = this.#pool.router.unavailable(request);
    if (own !== null || this.#prefill === null) return own;
    return this.#prefill.router.unavailable(this.prefillable(request));
  }

  /** The same request for those that prefill only. */
  prefillable(request: RoutableRequest): RoutableRequest {
    return { ...request, outputTokens: 0, pinnedRank: -1, tried: this.triedPrefill };
  }

  backoffMs(): number {
    const { retryBudget, rng } = this.#deck;
    return retryBudget.backoffMs(Math.max(1, this.#sent), rng);
  }

  get #noneTried(): boolean {
    return this.tried.length === 0 && this.triedPrefill.length === 0;
  }
}
