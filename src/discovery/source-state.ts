import type { Endpoint, SourceListener, SourceView } from "./source.ts";

/** What a source has found, with each change and each fault said once. */
export class SourceState implements SourceView {
  readonly #what: string;
  readonly #listener: SourceListener;
  endpoints: readonly Endpoint[] | null = null;
  changes = 0;
  #text = "";
  #fault = "";

  constructor(what: string, listener: SourceListener) {
    this.#what = what;
    this.#listener = listener;
  }

  get isReadable(): boolean {
    return this.#fault === "" && this.endpoints !== null;
  }

  /** Those there are now. */
  found(endpoints: readonly Endpoint[]): void {
    if (this.#fault !== "") this.#listener.notice(`${this.#what} can be read again`, true);
    this.#fault = "";
    const text = JSON.stringify(endpoints);
    if (this.endpoints !== null && text === this.#text) return;
    this.endpoints = endpoints;
    this.changes++;
    this.#text = text;
    this.#listener.changed();
  }

  /** Nobody can tell now. @param why a clause that follows what the source is */
  failed(why: string): void {
    if (why === this.#fault) return;
    this.#fault = why;
    const kept =
      this.endpoints === null
        ? "no server until it can be read"
        : "the servers stay those that were found last";
    this.#listener.notice(`${this.#what} ${why}; ${kept}`, false);
  }
}
