import { Overloaded } from "./refusals.ts";

/** A bounded number of requests in flight; beyond it the gateway says so at once instead of queueing. */
export class Admission {
  readonly limit: number;
  /** When a refused client may try again. */
  readonly retryAfterSeconds: number;
  #inFlight = 0;
  #stopped = false;

  constructor(limit: number, retryAfterSeconds: number) {
    this.limit = limit;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** From now on nobody enters; those inside may finish. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes a place; every `enter` is paired with one `leave`. @throws Overloaded */
  enter(): void {
    if (this.#stopped) throw new Overloaded("The gateway is stopping.", this.retryAfterSeconds);
    if (this.#inFlight >= this.limit) {
      throw new Overloaded(
        `The gateway has ${this.limit} requests in flight, its limit.`,
        this.retryAfterSeconds,
      );
    }
    this.#inFlight++;
  }

  leave(): void {
    this.#inFlight--;
  }
}
