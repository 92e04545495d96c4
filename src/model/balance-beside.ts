/** How a pool's tokens were spread; null where nothing was forwarded. */
export interface BalanceFigures {
  /** Σ mean / Σ max GPU load over steps and layers, 0..1. */
  readonly balancedness: number | null;
  /** What the GPU with most has over all layers, relative to the mean. */
  readonly fullestGpu: number | null;
  /** Per token and layer. */
  readonly hopsPerToken: number | null;
  readonly nodeHopsPerToken: number | null;
  /** Mean modelled step time, ms. */
  readonly stepMs: number | null;
}

/**
 * What another way of balancing makes of a simulated pool's own tokens, worked out beside it: its placements are in force
 * nowhere, no step waits for it, and what it moves takes no time.
 */
export interface BalanceBeside {
  /** For a person. */
  readonly title: string;
  /** The part of the pool's steps that it was worked out for, 0..1. */
  readonly part: number;
  /** The pool as it runs, and the other way: of the last ten seconds. */
  readonly pool: BalanceFigures;
  readonly beside: BalanceFigures;
  /** By the other way, since it began: slots whose expert would have been sent to their GPU, and placements. */
  readonly movedSlots: number;
  readonly placements: number;
}
