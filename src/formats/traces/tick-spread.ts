import type { TraceRequest } from "../../model/traffic.ts";

/** Requests by which the width of a tick is told. */
const AHEAD = 1024;
/** A tick holds no more by itself: what is beyond comes at its begin. */
const MOST_PER_TICK = 1 << 16;
/** A gap below so many ticks is one tick of a clock that is not quite even. */
const UNEVEN = 1.5;

/**
 * Spreads requests that share a time, where times are rounded to ticks of a clock: evenly over the tick, in their order,
 * as they would else arrive in bursts that the service never saw. The least gap between two times among the first
 * requests is taken for a tick. A lull is no tick, and what is written once only stays where it is.
 */
export class TickSpread {
  readonly #widestMs: number;
  /** Null until enough is known. */
  #tickMs: number | null = null;
  #waiting: TraceRequest[] = [];

  /** @param widestMs no tick is taken for wider; 0 where times are exact */
  constructor(widestMs: number) {
    this.#widestMs = widestMs;
  }

  /** @returns what can be told by now, in order of arrival */
  push(request: TraceRequest): readonly TraceRequest[] {
    if (this.#widestMs === 0) return [request];
    this.#waiting.push(request);
    if (this.#tickMs === null) {
      if (this.#waiting.length < AHEAD) return [];
      this.#tickMs = this.#tick();
      return this.#spread(false);
    }
    const [first] = this.#waiting;
    if (request.arrivalMs !== first.arrivalMs) return this.#spread(false);
    return this.#waiting.length < MOST_PER_TICK ? [] : this.#waiting.splice(0);
  }

  end(): readonly TraceRequest[] {
    this.#tickMs ??= this.#tick();
    return this.#spread(true);
  }

  /** 0 where there is only one time. */
  #tick(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const [i, { arrivalMs }] of this.#waiting.entries()) {
      const gap = i === 0 ? 0 : arrivalMs - this.#waiting[i - 1].arrivalMs;
      if (gap > 0 && gap < least) least = gap;
    }
    return least === Number.POSITIVE_INFINITY ? 0 : Math.min(least, this.#widestMs);
  }

  /** @param all also the last time's, behind which nothing is known */
  #spread(all: boolean): readonly TraceRequest[] {
    const waiting = this.#waiting;
    const tickMs = this.#tickMs ?? 0;
    const spread: TraceRequest[] = [];
    let start = 0;
    for (let end = 1; end <= waiting.length; end++) {
      const at = waiting[start].arrivalMs;
      const isLast = end === waiting.length;
      if (isLast ? !all : waiting[end].arrivalMs === at) continue;
      const gap = isLast ? tickMs : waiting[end].arrivalMs - at;
      const width = gap < UNEVEN * tickMs ? gap : tickMs;
      for (let i = start; i < end; i++) {
        const arrivalMs = at + (width * (i - start)) / (end - start);
        spread.push(arrivalMs === at ? waiting[i] : { ...waiting[i], arrivalMs });
      }
      start = end;
    }
    this.#waiting = waiting.slice(start);
    return spread;
  }
}
