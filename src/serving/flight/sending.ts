import type { Attempt } from "./attempt.ts";
import type { Destination } from "./destination.ts";
import type { FlightDeck } from "./flight-deck.ts";
import type { Resending } from "./resending.ts";
import type { NoShard, Sender } from "./sender.ts";

/** The flight that is sent. */
export interface Sent {
  readonly attempts: readonly Attempt[];
  /** Whether one of them answers it to the end. */
  readonly decided: boolean;
  /** There is no shard for it, and no attempt is under way. */
  noShard(lacking: NoShard): void;
  /** Runs a step unless the flight is over; what it throws ends the flight. */
  guarded(step: () => void): void;
}

/**
 * When one request is sent: at once, after a pause where an attempt failed, and to a second shard when the first has not
 * begun to answer for a while. One timer serves both.
 */
export class Sending {
  readonly #deck: FlightDeck;
  readonly #flight: Sent;
  readonly #sender: Sender;
  readonly #resending: Resending;
  readonly #destination: Destination;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    deck: FlightDeck,
    flight: Sent,
    sender: Sender,
    resending: Resending,
    destination: Destination,
  ) {
    this.#deck = deck;
    this.#flight = flight;
    this.#sender = sender;
    this.#resending = resending;
    this.#destination = destination;
  }

  /** To the best shard, and where hedging is on to another one after a while. */
  now(): void {
    this.#send();
    const { afterMs } = this.#deck.hedge;
    if (afterMs > 0 && !this.#flight.decided && this.#flight.attempts.length === 1)
      this.#after(afterMs, () => this.#hedge());
  }

  afterPause(): void {
    this.#after(this.#resending.backoffMs(), () => this.now());
  }

  /** It is not sent again. @returns whether that is news: its body may be freed now */
  stop(): boolean {
    this.#clear();
    return this.#destination.release();
  }

  /** Without a shard the request ends, unless an attempt is under way. */
  #send(): void {
    const lacking = this.#sender.send();
    if (lacking !== null && this.#flight.attempts.length === 0) this.#flight.noShard(lacking);
  }

  #hedge(): void {
    const [first] = this.#flight.attempts;
    if (first === undefined) return;
    this.#destination.tried(first.leg);
    if (this.#resending.mayHedge()) this.#send();
  }

  #after(ms: number, step: () => void): void {
    this.#clear();
    this.#timer = setTimeout(() => this.#flight.guarded(step), ms);
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
