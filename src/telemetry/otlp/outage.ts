/** A collector that takes nothing: one line when that begins, and one when it is over. */
export class Outage {
  readonly #what: string;
  readonly #url: string;
  readonly #onNotice: (line: string) => void;
  #lost = 0;
  #lasts = false;

  /** @param what is sent, e.g. `spans` @param onNotice receives one line for a person */
  constructor(what: string, url: string, onNotice: (line: string) => void) {
    this.#what = what;
    this.#url = withoutCredentials(url);
    this.#onNotice = onNotice;
  }

  /** So many were not taken, and are gone. @param why a clause for a person */
  lost(count: number, why: string): void {
    this.#lost += count;
    if (this.#lasts) return;
    this.#lasts = true;
    this.#onNotice(
      `telemetry: ${this.#what} cannot be sent to ${this.#url}: ${why}; until they can, they are lost`,
    );
  }

  /** Some were taken. */
  over(): void {
    if (!this.#lasts) return;
    this.#lasts = false;
    this.#onNotice(`telemetry: ${this.#what} are sent to ${this.#url} again; ${this.#lost} were lost`);
    this.#lost = 0;
  }
}

function withoutCredentials(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
