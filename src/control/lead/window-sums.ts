import type { MeasuredFigures } from "../../model/decision-record.ts";
import type { PoolWindow } from "../../model/pool-window.ts";

type Sums = Pick<PoolWindow, "spanMs" | "tokens" | "sumMean" | "sumMax" | "nodeHops">;

/** The windows that lie within a span before now, added up. */
export class RecentWindows {
  readonly #spanMs: number;
  #windows: readonly Sums[] = [];

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  add({ spanMs, tokens, sumMean, sumMax, nodeHops }: PoolWindow): void {
    const windows = [...this.#windows, { spanMs, tokens, sumMean, sumMax, nodeHops }];
    let span = windows.reduce((sum, one) => sum + one.spanMs, 0);
    let first = 0;
    while (span > this.#spanMs && first < windows.length - 1) span -= windows[first++].spanMs;
    this.#windows = windows.slice(first);
  }

  forget(): void {
    this.#windows = [];
  }

  /** @param layers of which each token is counted; null where nothing was forwarded */
  figures(layers: number): MeasuredFigures | null {
    const sum = (of: keyof Sums) => this.#windows.reduce((total, one) => total + one[of], 0);
    const [spanMs, tokens, sumMax] = [sum("spanMs"), sum("tokens"), sum("sumMax")];
    if (tokens === 0 || sumMax === 0) return null;
    const nodeHops = sum("nodeHops") / (tokens * layers);
    return {
      spanMs,
      tokensPerSecond: (tokens * 1000) / spanMs,
      balancedness: sum("sumMean") / sumMax,
      nodeHops: Number.isFinite(nodeHops) ? nodeHops : null,
    };
  }
}
