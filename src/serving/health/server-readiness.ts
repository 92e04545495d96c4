import type { ProbeSettings } from "./settings.ts";

/**
 * `ready`; `late` when it served once and now neither answers probes nor requests; `unready` when it says that it cannot
 * serve, nobody takes connections there, or it has never answered.
 */
export type ReadinessState = "ready" | "late" | "unready";

/**
 * Whether one server can serve, by what probes of it brought and by live traffic. One that was not asked yet counts as
 * ready. Slow is not dead: what came from the server while a probe waited for its answer is proof of life.
 */
export class ServerReadiness {
  readonly #settings: ProbeSettings;
  #state: ReadinessState = "ready";
  /** Good answers in a row above 0, failed probes below. */
  #inRow = 0;
  /** It has shown that it serves, once. */
  #known = false;
  #aliveMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ProbeSettings) {
    this.#settings = settings;
  }

  get state(): ReadinessState {
    return this.#state;
  }

  /** Requests to it are answered. */
  alive(nowMs: number): void {
    this.#aliveMs = nowMs;
    this.#known = true;
    if (this.#state === "late") this.#state = "ready";
  }

  /** It says that it can serve. @returns whether it was away and is back */
  good(): boolean {
    this.#inRow = Math.max(0, this.#inRow) + 1;
    const away = this.#state === "unready";
    if (away && this.#known && this.#inRow < this.#settings.healthyAfter) return false;
    this.#known = true;
    this.#state = "ready";
    return away;
  }

  /**
   * It says that it cannot serve: believed at once, but when requests were answered meanwhile only after failed probes in
   * a row. SGLang says so, too, when its own probe was too slow on a busy server.
   */
  unready(sinceMs: number): void {
    this.#fail();
    if (this.#aliveMs < sinceMs || this.#failed) this.#state = "unready";
  }

  /** Nobody takes connections there. */
  nobodyThere(): void {
    this.#fail();
    if (!this.#known || this.#failed) this.#state = "unready";
  }

  /** No answer came to a probe since then. */
  silent(sinceMs: number): void {
    if (this.#aliveMs >= sinceMs) {
      this.#inRow = 0;
      return;
    }
    this.#fail();
    if (!this.#known) this.#state = "unready";
    else if (this.#failed && this.#state === "ready") this.#state = "late";
  }

  #fail(): void {
    this.#inRow = Math.min(0, this.#inRow) - 1;
  }

  get #failed(): boolean {
    return -this.#inRow >= this.#settings.unhealthyAfter;
  }
}
