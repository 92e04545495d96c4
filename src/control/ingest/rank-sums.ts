import type { ReceivedCounts } from "../messages/received-counts.ts";

/** What each rank has received since the last window, summed over its own windows, which need not be as long as others'. */
export class RankSums {
  readonly #sums = new Map<number, RankSum>();

  add({ rank, windowMs, cells, tokens }: ReceivedCounts): void {
    let sum = this.#sums.get(rank);
    if (sum === undefined) this.#sums.set(rank, (sum = { spanMs: 0, tokens: new Map() }));
    sum.spanMs += windowMs;
    for (let i = 0; i < cells.length; i++)
      sum.tokens.set(cells[i], (sum.tokens.get(cells[i]) ?? 0) + tokens[i]);
  }

  get ranks(): ReadonlyMap<number, RankSum> {
    return this.#sums;
  }

  clear(): void {
    this.#sums.clear();
  }
}

export interface RankSum {
  spanMs: number;
  /** By layer × experts + expert. */
  readonly tokens: Map<number, number>;
}
