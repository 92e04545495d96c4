import type { TraceRequest } from "../../model/traffic.ts";

/** Requests by which the width of a tick is told. */
const AHEAD = 1024;
/** A tick holds no more by itself: what is beyond comes at its begin. */
const MOST_PER_TICK = 1 << 16;
/** A gap below so many ticks is one tick of a clock that is not quite even. */
const UNEVEN = 1.5;

/**
 * Spreads requests that share a time, where times are rounded to ticks of a clock: evenly over the tick, in their order,
 * as they would else arrive in bursts that the service never saw. A tick is as wide as the least gaps between times of the
 * first requests. A lull is no tick, and what is written once only stays where it is.
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

  /** The median of the gaps that are one tick of an uneven clock; 0 where there is only one time. */
  #tick(): number {
    const gaps = this.#waiting
      .slice(1)
      .map(({ arrivalMs }, i) => arrivalMs - this.#waiting[i].arrivalMs)
      .filter((gap) => gap > 0)
      .toSorted((a, b) => a - b);
    const even = gaps.filter((gap) => gap < UNEVEN * gaps[0]);
    return even.length === 0 ? 0 : Math.min(even[(even.length - 1) >> 1], this.#widestMs);
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
