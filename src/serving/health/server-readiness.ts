import type { ProbeSettings } from "./settings.ts";

/**
 * `ready`; `late` when it answers neither probes nor requests; `unready` when it answers that it cannot serve, nobody
 * takes connections there, or it has been late for so long that it hangs.
 */
export type ReadinessState = "ready" | "late" | "unready";

/**
 * Whether one server can serve, by its answers to probes and by live traffic. One that was not asked yet counts as
 * ready. Slow is not dead: what the server sent while a probe waited for its answer is proof of life.
 */
export class ServerReadiness {
  readonly #settings: ProbeSettings;
  #state: ReadinessState = "ready";
  /** Good answers in a row above 0, failed probes below. */
  #inRow = 0;
  #known = false;
  #aliveMs = Number.NEGATIVE_INFINITY;
  /** Since when nothing at all came from it; null while something does. */
  #mutedMs: number | null = null;
  #hangs = false;

  constructor(settings: ProbeSettings) {
    this.#settings = settings;
  }

  /** Goes on where it was, unless it was asked anew already. @returns whether it does */
  resume(before: ServerReadiness): boolean {
    if (this.#inRow !== 0) return false;
    this.#state = before.#state;
    this.#inRow = before.#inRow;
    this.#known = before.#known;
    this.#aliveMs = before.#aliveMs;
    return true;
  }

  get state(): ReadinessState {
    return this.#hangs ? "unready" : this.#state;
  }

  /** Whether it has ever shown that it serves. */
  get known(): boolean {
    return this.#known;
  }

  /** Requests to it are answered. */
  alive(nowMs: number): void {
    this.#answered();
    this.#aliveMs = nowMs;
    this.#known = true;
    if (this.#state === "late") this.#state = "ready";
  }

  /** It answers that it can serve. @returns whether it was away and is back */
  good(): boolean {
    this.#answered();
    this.#inRow = Math.max(0, this.#inRow) + 1;
    const away = this.#state === "unready";
    if (away && this.#known && this.#inRow < this.#settings.healthyAfter) return false;
    this.#known = true;
    this.#state = "ready";
    return away;
  }

  /**
   * It answers that it cannot serve. That counts at once, or, when it answered requests while it was asked, only after
   * several failed probes in a row. A late refusal shows a slow server: SGLang gives up a probe of its own after 20 s,
   * as happens on a busy server.
   */
  unready(sinceMs: number, nowMs: number): void {
    this.#answered();
    if (nowMs - sinceMs >= this.#settings.lateMs) return this.#late(sinceMs);
    this.#fail();
    if (this.#aliveMs < sinceMs || this.#failed) this.#state = "unready";
  }

  /** Nobody takes connections there. */
  nobodyThere(): void {
    this.#answered();
    this.#fail();
    if (!this.#known || this.#failed) this.#state = "unready";
  }

  /** A probe has had no answer since then. After `hungMs` of that it hangs, and no slow server is as slow. */
  silent(sinceMs: number, nowMs: number): void {
    this.#late(sinceMs);
    this.#mutedMs ??= Math.max(sinceMs, this.#aliveMs);
    this.#hangs = this.#state === "late" && nowMs - this.#mutedMs >= this.#settings.hungMs;
  }

  #late(sinceMs: number): void {
    if (this.#aliveMs >= sinceMs) {
      this.#inRow = 0;
      return;
    }
    this.#fail();
    if (this.#state === "ready" && (!this.#known || this.#failed)) this.#state = "late";
  }

  #answered(): void {
    this.#mutedMs = null;
    this.#hangs = false;
  }

  #fail(): void {
    this.#inRow = Math.min(0, this.#inRow) - 1;
  }

  get #failed(): boolean {
    return -this.#inRow >= this.#settings.unhealthyAfter;
  }
}
