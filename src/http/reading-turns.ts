/** Bytes that are looked into in one turn of the event loop, by 5 to 30 ns each. */
const TURN_BYTES = 256 * 1024;
/** Bodies that go on in one turn: what has come of each meanwhile is up to 64 KiB. */
const GO_ON = 4;

/** A request whose body is looked into while it arrives. */
export interface Reading {
  pause(): unknown;
  resume(): unknown;
}

/**
 * Keeps the reading of bodies from holding up everything else: what a client sends as fast as the network takes it would
 * otherwise be read without a break, up to 2 MiB from each connection. Bodies that have used up a turn wait for one of
 * the next, first come, first served.
 */
export class ReadingTurns {
  #left = TURN_BYTES;
  #scheduled = false;
  readonly #waiting: Reading[] = [];

  /** So many bytes were looked into, and more come. */
  took(request: Reading, bytes: number): void {
    this.#left -= bytes;
    if (this.#left <= 0 || this.#waiting.length > 0) {
      request.pause();
      this.#waiting.push(request);
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#scheduled = false;
    this.#left = TURN_BYTES;
    for (const request of this.#waiting.splice(0, GO_ON)) request.resume();
    if (this.#waiting.length > 0) this.#schedule();
  }
}
