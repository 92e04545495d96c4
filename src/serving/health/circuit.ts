import type { Rng } from "../../lib/rng.ts";
import type { CircuitSettings } from "./settings.ts";

export type CircuitState = "closed" | "open" | "half-open";

/**
 * A circuit breaker: closed while its shard serves; open, for a while, once requests fail; then half-open, with one
 * trial at a time, whose end closes it or opens it for longer. A trial without an outcome for as long as the circuit
 * was open is replaced by another.
 *
 * Requests sent before it opened may end while it is half-open; they count as the trial does.
 */
export class Circuit {
  readonly #settings: CircuitSettings;
  readonly #rng: Rng;
  #state: CircuitState = "closed";
  /** When an open circuit becomes half-open, or the trial under way is given up. */
  #untilMs = 0;
  #openForMs = 0;
  #trial = false;
  #failuresInRow = 0;
  /** Openings since it was closed. */
  #openings = 0;

  constructor(settings: CircuitSettings, rng: Rng) {
    this.#settings = settings;
    this.#rng = rng;
  }

  /** Goes on where the shard's circuit before it was; a trial under way there does not count here. */
  resume(before: Circuit): void {
    this.#state = before.#state;
    this.#untilMs = before.#untilMs;
    this.#openForMs = before.#openForMs;
    this.#failuresInRow = before.#failuresInRow;
    this.#openings = before.#openings;
  }

  get state(): CircuitState {
    return this.#state;
  }

  get admits(): boolean {
    return this.#state === "closed" || (this.#state === "half-open" && !this.#trial);
  }

  /** Milliseconds until an open circuit lets a trial through; 0 when it is not open. */
  openForMs(nowMs: number): number {
    return this.#state === "open" ? Math.max(0, this.#untilMs - nowMs) : 0;
  }

  began(nowMs: number): void {
    if (this.#state !== "half-open" || this.#trial) return;
    this.#trial = true;
    this.#untilMs = nowMs + this.#openForMs;
  }

  /** @returns whether this closed it */
  succeeded(): boolean {
    this.#failuresInRow = 0;
    if (this.#state !== "half-open" || !this.#trial) return false;
    this.#state = "closed";
    this.#trial = false;
    this.#openings = 0;
    return true;
  }

  /**
   * @param requests in the window, this one included
   * @param failures among them
   * @returns whether this opened it
   */
  failed(nowMs: number, requests: number, failures: number): boolean {
    const { consecutiveFailures, failureRatio, minRequests } = this.#settings;
    this.#failuresInRow++;
    const often = requests >= minRequests && failures >= failureRatio * requests;
    const opens =
      this.#state === "closed"
        ? this.#failuresInRow >= consecutiveFailures || often
        : this.#state === "half-open" && this.#trial;
    if (opens) this.#open(nowMs);
    return opens;
  }

  /** A request ended without an outcome for the shard: its client went away. */
  cancelled(): void {
    this.#trial = false;
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    if (this.#state === "closed" || nowMs < this.#untilMs) return;
    this.#state = "half-open";
    this.#trial = false;
  }

  #open(nowMs: number): void {
    const { openMs, maxOpenMs } = this.#settings;
    const longest = Math.min(maxOpenMs, openMs * 2 ** this.#openings);
    this.#openForMs = longest * (1 - this.#rng.uniform() / 2);
    this.#untilMs = nowMs + this.#openForMs;
    this.#state = "open";
    this.#trial = false;
    this.#failuresInRow = 0;
    this.#openings++;
  }
}
