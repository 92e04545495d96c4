/**
 * SIGHUPs, and whatever else asks for a reload, from the process's start to its end: none ends it. Each is followed by a reload that begins after it, one at
 * a time; those that arrive meanwhile are followed by one together. None is reloaded for before `begin` or after `end`.
 */
export class Hangups {
  readonly #onSignal = (): void => this.ask();
  #wanted = false;
  #reloading = false;
  #reload: (() => Promise<void>) | null = null;

  constructor() {
    process.on("SIGHUP", this.#onSignal);
  }

  /** @param reload never rejects */
  begin(reload: () => Promise<void>): void {
    this.#reload = reload;
    void this.#next();
  }

  /** As a SIGHUP. */
  ask(): void {
    this.#wanted = true;
    void this.#next();
  }

  end(): void {
    this.#reload = null;
  }

  /** From now on the next one ends the process. */
  close(): void {
    process.off("SIGHUP", this.#onSignal);
  }

  async #next(): Promise<void> {
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#wanted && this.#reload !== null) {
      this.#wanted = false;
      await this.#reload();
    }
    this.#reloading = false;
  }
}
