import { CANCELLED, LEFT } from "../request-record.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import { isGoodFigures, type RequestFigures } from "./request-figures.ts";
import { Spread } from "./other-tools/spread.ts";

/** A part of a run. */
export interface RunWindow {
  /** Requests by their send. */
  readonly sent: number;
  /** Failures by their end. */
  readonly failed: number;
  /** The mean over the window. */
  readonly inFlight: number;
  /** Of requests scheduled in it that completed, milliseconds; null where there is none. */
  readonly ttftP50: number | null;
  readonly ttftP95: number | null;
  /** The part of the requests scheduled in it that were good; null without targets, and where none ended. */
  readonly good: number | null;
}

interface Held {
  sent: number;
  failed: number;
  busyMs: number;
  ended: number;
  good: number;
  readonly ttft: Spread;
}

/** A run cut into windows of equal length. */
export class RunWindows {
  readonly widthMs: number;
  readonly #startedAt: number;
  readonly #goodput: GoodputTargets | null;
  readonly #windows: readonly Held[];

  /** @param startedAt and `endedAt` by the wall clock, milliseconds since 1970 */
  constructor(startedAt: number, endedAt: number, count: number, goodput: GoodputTargets | null) {
    this.#startedAt = startedAt;
    this.#goodput = goodput;
    this.widthMs = Math.max(1, endedAt - startedAt) / count;
    this.#windows = Array.from({ length: count }, () => {
      return { sent: 0, failed: 0, busyMs: 0, ended: 0, good: 0, ttft: Spread.ofMs() };
    });
  }

  add(figures: RequestFigures): void {
    const { beganAt, scheduledMs, sentMs, endedMs, error, ttftMs } = figures;
    const since = beganAt - this.#startedAt;
    if (sentMs !== null) {
      this.#at(since + sentMs).sent++;
      this.#busy(since + sentMs, since + endedMs);
    }
    if (error === CANCELLED || error === LEFT) return;
    const scheduled = this.#at(since + scheduledMs);
    scheduled.ended++;
    if (error !== null) {
      this.#at(since + endedMs).failed++;
      return;
    }
    if (ttftMs !== null) scheduled.ttft.add(ttftMs);
    if (this.#goodput !== null && isGoodFigures(figures, this.#goodput)) scheduled.good++;
  }

  windows(): RunWindow[] {
    return this.#windows.map(({ sent, failed, busyMs, ended, good, ttft }) => ({
      sent,
      failed,
      inFlight: busyMs / this.widthMs,
      ttftP50: ttft.at(50),
      ttftP95: ttft.at(95),
      good: this.#goodput === null || ended === 0 ? null : good / ended,
    }));
  }

  #at(ms: number): Held {
    return this.#windows[this.#placeOf(ms)];
  }

  #placeOf(ms: number): number {
    return Math.min(this.#windows.length - 1, Math.max(0, Math.floor(ms / this.widthMs)));
  }

  #busy(fromMs: number, toMs: number): void {
    for (let i = this.#placeOf(fromMs); i <= this.#placeOf(toMs); i++) {
      const [begin, end] = [i * this.widthMs, (i + 1) * this.widthMs];
      this.#windows[i].busyMs += Math.max(0, Math.min(end, toMs) - Math.max(begin, fromMs));
    }
  }
}
