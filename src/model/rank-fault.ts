/** A rank that dies in a simulated run. */
export interface RankFault {
  /** `pool`, or `prefill` or `decode` where they are apart. */
  readonly pool: string;
  readonly rank: number;
  readonly atMs: number;
  /** Until that is noticed, its pool hangs. */
  readonly noticedMs: number;
  /** It is there again after so long; null for never. */
  readonly forMs: number | null;
}
