import type { Rng } from "../../lib/rng.ts";

/** When a request that has no first byte yet is sent again. Times in milliseconds. */
export interface RetrySettings {
  /** How often a request is sent at most, the first time included. */
  readonly maxAttempts: number;
  /** Retries may be this part of the recent requests … */
  readonly ratio: number;
  /** … and this many more a second. */
  readonly minPerSecond: number;
  /** What is recent. */
  readonly windowMs: number;
  /** The longest pause before the first retry; it doubles with each. The pause is drawn from 0 to that. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Keeps retries to a part of the requests, so that they do not multiply the load on a pool that is failing. Counted in
 * halves of the window, so that it covers between a half and the whole of the window.
 */
export class RetryBudget {
  readonly #settings: RetrySettings;
  #requests = 0;
  #retries = 0;
  #requestsBefore = 0;
  #retriesBefore = 0;
  #halfBeganMs: number;

  constructor(settings: RetrySettings, nowMs: number) {
    this.#settings = settings;
    this.#halfBeganMs = nowMs;
  }

  /** Retries in the window. */
  get spent(): number {
    return this.#retries + this.#retriesBefore;
  }

  /** A request is sent for the first time. */
  began(nowMs: number): void {
    this.#turn(nowMs);
    this.#requests++;
  }

  /** @returns whether one more retry may be made; it then counts */
  take(nowMs: number): boolean {
    this.#turn(nowMs);
    const { ratio, minPerSecond, windowMs } = this.#settings;
    const most = ratio * (this.#requests + this.#requestsBefore) + (minPerSecond * windowMs) / 1000;
    if (this.spent + 1 > most) return false;
    this.#retries++;
    return true;
  }

  /**
   * How long to wait before a retry: full jitter, so that requests that failed together do not come back together.
   * @param retry 1 for the first
   */
  backoffMs(retry: number, rng: Rng): number {
    const { baseMs, maxMs } = this.#settings;
    return rng.uniform() * Math.min(maxMs, baseMs * 2 ** (retry - 1));
  }

  #turn(nowMs: number): void {
    const halves = Math.floor((2 * (nowMs - this.#halfBeganMs)) / this.#settings.windowMs);
    if (halves < 1) return;
    this.#requestsBefore = halves === 1 ? this.#requests : 0;
    this.#retriesBefore = halves === 1 ? this.#retries : 0;
    this.#requests = 0;
    this.#retries = 0;
    this.#halfBeganMs += (halves * this.#settings.windowMs) / 2;
  }
}
