import type { ReplayReport } from "../report/report.ts";

/** How a pool of experts was at one time. */
export interface PoolSample {
  /** Milliseconds after the run began. */
  readonly atMs: number;
  /** Null while nothing was forwarded. */
  readonly balancedness: number | null;
  /** Experts of which no rank has a replica. */
  readonly missingExperts: number;
  /** Ranks that the pool's leader takes for lost. */
  readonly lostRanks: number;
}

/**
 * What samples of a part of a run come to: the median and the least balancedness, the most experts that were missing and
 * how many were so at the end, the most ranks that were lost. All null where there is no sample.
 */
export function poolFigures(samples: readonly PoolSample[], fromMs: number, toMs: number): ReplayReport {
  const part = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const levels = part
    .flatMap(({ balancedness }) => (balancedness === null ? [] : [balancedness]))
    .toSorted((a, b) => a - b);
  const most = (of: (sample: PoolSample) => number): number | null =>
    part.length === 0 ? null : Math.max(...part.map(of));
  return {
    balancedness: levels[Math.floor((levels.length - 1) / 2)] ?? null,
    min_balancedness: levels[0] ?? null,
    missing_experts: most(({ missingExperts }) => missingExperts),
    missing_experts_at_end: part.at(-1)?.missingExperts ?? null,
    lost_ranks: most(({ lostRanks }) => lostRanks),
  };
}
