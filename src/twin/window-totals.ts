import type { PoolWindow } from "../model/pool-window.ts";

/** What the windows of a whole run come to; figures are null where nothing was forwarded. */
export class WindowTotals {
  steps = 0;
  tokens = 0;
  stepMs = 0;
  #sumMean = 0;
  #sumMax = 0;
  #hops = 0;
  #nodeHops = 0;
  /** (token, layer) pairs. */
  #pairs = 0;

  add(window: Omit<PoolWindow, "routing" | "exchange">): void {
    this.steps += window.steps;
    this.tokens += window.tokens;
    this.stepMs += window.stepMs;
    this.#sumMean += window.sumMean;
    this.#sumMax += window.sumMax;
    this.#hops += window.hops;
    this.#nodeHops += window.nodeHops;
    this.#pairs += window.tokens * window.load.layers;
  }

  /** Σ mean / Σ max GPU load over steps and layers. */
  get balancedness(): number | null {
    return ratio(this.#sumMean, this.#sumMax);
  }

  get nodeHopsPerToken(): number | null {
    return ratio(this.#nodeHops, this.#pairs);
  }

  get hopsPerToken(): number | null {
    return ratio(this.#hops, this.#pairs);
  }

  get meanStepMs(): number | null {
    return ratio(this.stepMs, this.steps);
  }
}

/** Null where there is nothing to relate to. */
export function ratio(part: number, whole: number): number | null {
  return whole > 0 ? part / whole : null;
}
