/** What one router made of one load. */
export interface RoutingFigures {
  /** Milliseconds from when a request was due to the first byte of its answer's body. */
  readonly meanMs: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  /** Mean, to the last byte. */
  readonly wholeMs: number;
  /** Of the prompts' tokens that engines began, the part that was in their caches. */
  readonly cached: number;
  /** Requests on the engine with most; in all. */
  readonly fullest: number;
  readonly requests: number;
  /** Requests without a whole answer. */
  readonly failed: number;
}

/** How long one request took, in milliseconds; NaN where it was not answered whole, which counts as failed. */
export interface RequestTimes {
  readonly ttftMs: number;
  readonly wholeMs: number;
}

export function figuresOf(
  times: readonly RequestTimes[],
  engines: readonly {
    readonly requests: number;
    readonly inputTokens: number;
    readonly cachedTokens: number;
  }[],
): RoutingFigures {
  const answered = times.filter(({ wholeMs }) => !Number.isNaN(wholeMs));
  const sorted = answered.map(({ ttftMs }) => ttftMs).toSorted((a, b) => a - b);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    meanMs: sum(sorted) / sorted.length,
    p90Ms: nearestRank(sorted, 0.9),
    p99Ms: nearestRank(sorted, 0.99),
    wholeMs: sum(answered.map(({ wholeMs }) => wholeMs)) / answered.length,
    cached:
      sum(engines.map(({ cachedTokens }) => cachedTokens)) /
      sum(engines.map(({ inputTokens }) => inputTokens)),
    fullest: Math.max(...engines.map(({ requests }) => requests)),
    requests: sum(engines.map(({ requests }) => requests)),
    failed: times.length - sorted.length,
  };
}

/** The smallest value that so large a part is not above. @param sorted upwards, at least one */
function nearestRank(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(part * sorted.length) - 1];
}
