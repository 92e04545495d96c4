import type { Destination } from "./destination.ts";
import type { FlightDeck } from "./flight-deck.ts";

/** How often one request was sent, and whether it may be sent once more. */
export class Resending {
  readonly #deck: FlightDeck;
  readonly #destination: Destination;
  readonly #once: boolean;
  #sent = 0;
  /** How often it was sent again out of the budget. */
  #paid = 0;

  /** @param once what was sent cannot be sent again */
  constructor(deck: FlightDeck, destination: Destination, once: boolean) {
    this.#deck = deck;
    this.#destination = destination;
    this.#once = once;
  }

  sent(): void {
    if (this.#sent++ === 0) this.#deck.retryBudget.began(this.#deck.clock.now());
    else this.#deck.meter.resent(this.#destination.pool.engine.pool);
  }

  /**
   * Whether it may be sent to a shard that has not failed it; or, where every one of the pool has, to another pool,
   * where it goes then; or, where there is none and `again` allows, to any of the pool. The retry budget is spent only
   * where there is a shard to send to. What was never sent costs the engines nothing, so each shard may be tried once
   * without the budget. No other attempt is under way.
   */
  mayResend(mayHaveBegun: boolean, again: boolean): boolean {
    if (this.#once) return false;
    const destination = this.#destination;
    destination.follow();
    if (destination.hasShard) return !mayHaveBegun || this.#pay();
    if (destination.hasAnother()) return (!mayHaveBegun || this.#pay()) && destination.moveOn();
    return again && destination.forgetTried() && destination.hasShard && this.#pay();
  }

  /** Whether it may be sent to a second shard of the pool at a time. */
  mayHedge(): boolean {
    if (this.#once) return false;
    this.#destination.follow();
    return this.#destination.hasShard && this.#pay();
  }

  backoffMs(): number {
    const { retryBudget, rng } = this.#deck;
    return retryBudget.backoffMs(Math.max(1, this.#sent), rng);
  }

  #pay(): boolean {
    const { retry, retryBudget, clock, meter } = this.#deck;
    if (this.#paid + 1 >= retry.maxAttempts) return false;
    if (!retryBudget.take(clock.now())) {
      meter.retryDenied(this.#destination.pool.engine.pool);
      return false;
    }
    this.#paid++;
    return true;
  }
}
