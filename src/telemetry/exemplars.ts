/** A request that a bucket counted, by which its trace is found. */
interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Of every bucket of the histograms, the last request that was traced. */
export class Exemplars {
  readonly #bySeries = new Map<string, Exemplar>();

  /** @param bound of the bucket; Infinity for the last */
  keep(histogram: string, pool: string, bound: number, value: number, traceId: string): void {
    const le = bound === Number.POSITIVE_INFINITY ? "+Inf" : `${bound}`;
    this.#bySeries.set(`${histogram}_bucket{pool="${pool}",le="${le}"}`, {
      traceId,
      value,
      atMs: Date.now(),
    });
  }

  /** What OpenMetrics has behind a bucket's count; empty for none. @param series as Prometheus' text names it */
  of(series: string): string {
    const kept = this.#bySeries.get(series);
    if (kept === undefined) return "";
    return ` # {trace_id="${kept.traceId}"} ${kept.value} ${kept.atMs / 1000}`;
  }
}
