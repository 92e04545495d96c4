import type { Clock } from "../../lib/clock.ts";

/** So long nothing must have been lost before it is said that all is well again. */
const STEADY_MS = 30_000;

/** Receives what became of batches. */
export interface Losses {
  /** So many were not taken, and are gone. @param why a clause for a person */
  lost(count: number, why: string): void;
  /** Some were taken. */
  taken(): void;
}

/** A collector that does not take all: one line when that begins, and one when it is over. */
export class Outage implements Losses {
  readonly #what: string;
  readonly #url: string;
  readonly #onNotice: (line: string) => void;
  readonly #clock: Clock;
  #lost = 0;
  #lostAtMs = 0;
  #lasts = false;

  /** @param what is sent, e.g. `spans` @param onNotice receives one line for a person */
  constructor(what: string, url: string, clock: Clock, onNotice: (line: string) => void) {
    this.#what = what;
    this.#url = withoutQuery(url);
    this.#clock = clock;
    this.#onNotice = onNotice;
  }

  lost(count: number, why: string): void {
    this.#lost += count;
    this.#lostAtMs = this.#clock.now();
    if (this.#lasts) return;
    this.#lasts = true;
    this.#onNotice(`telemetry: ${this.#what} to ${this.#url} are lost: ${why}; nothing else is affected`);
  }

  taken(): void {
    if (!this.#lasts || this.#clock.now() - this.#lostAtMs < STEADY_MS) return;
    this.#lasts = false;
    this.#onNotice(`telemetry: ${this.#what} reach ${this.#url} again; ${this.#lost} were lost`);
    this.#lost = 0;
  }
}

/** A key may stand there. */
function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
