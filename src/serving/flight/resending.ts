import type { Unavailable } from "../../routing/plug-in.ts";
import type { Destination } from "./destination.ts";
import type { FlightDeck } from "./flight-deck.ts";

/** Whether one request may be sent once more. */
export class Resending {
  readonly #deck: FlightDeck;
  readonly #to: Destination;
  #sent = 0;
  /** How often it was sent again out of the budget. */
  #paid = 0;

  constructor(deck: FlightDeck, to: Destination) {
    this.#deck = deck;
    this.#to = to;
  }

  sent(): void {
    if (this.#sent++ === 0) this.#deck.retryBudget.began(this.#deck.clock.now());
    else this.#deck.meter.resent(this.#to.pool.engine.pool);
  }

  /**
   * Whether it may be sent to a shard that has not failed it, or, where every one has and `again` allows, to any. The
   * retry budget is spent only where there is a shard to send to. What was never sent costs the engines nothing, so
   * each shard may be tried once without the budget.
   */
  mayResend(mayHaveBegun: boolean, again: boolean): boolean {
    this.#to.follow();
    const { retry, retryBudget, clock } = this.#deck;
    let paid = mayHaveBegun;
    if (this.#unavailable !== null) {
      if (!again || this.#to.noneTried) return false;
      this.#to.forgetTried();
      if (this.#unavailable !== null) return false;
      paid = true;
    }
    if (!paid) return true;
    if (this.#paid + 1 >= retry.maxAttempts) return false;
    if (!retryBudget.take(clock.now())) {
      this.#deck.meter.retryDenied(this.#to.pool.engine.pool);
      return false;
    }
    this.#paid++;
    return true;
  }

  /** Which filter keeps the request from every shard; null where one may serve it. */
  get #unavailable(): Unavailable | null {
    const { pool, prefill, routable, prefillable } = this.#to;
    const own = pool.router.unavailable(routable);
    return own !== null || prefill === null ? own : prefill.router.unavailable(prefillable);
  }

  backoffMs(): number {
    const { retryBudget, rng } = this.#deck;
    return retryBudget.backoffMs(Math.max(1, this.#sent), rng);
  }
}
