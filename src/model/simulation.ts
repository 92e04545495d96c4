/** What has been done to a simulated pool while it runs. Plain JSON. */
export interface SimulationState {
  /** What this process makes for it; null where it gets only what clients send. */
  readonly traffic: OwnTraffic | null;
  /** How often its traffic has turned to other experts at once. */
  readonly shifts: number;
  /** Ranks that have stopped, ascending. */
  readonly lost: readonly number[];
  /** Ranks whose requests get on more slowly, ascending. */
  readonly slow: readonly SlowRank[];
}

/** A rank that takes part in one forward pass of `factor`; 1 for one that takes part in each. */
export interface SlowRank {
  readonly rank: number;
  /** A whole number, 1 to MOST_SLOWNESS. */
  readonly factor: number;
}

export const MOST_SLOWNESS = 100;

export interface OwnTraffic {
  /** In parts of what it began with, LEAST_TRAFFIC to `most`. */
  readonly factor: number;
  readonly most: number;
}

export const LEAST_TRAFFIC = 0.1;

/** One thing that was done to it. */
export type SimulationChange =
  | { readonly kind: "traffic"; readonly factor: number }
  | { readonly kind: "shift" }
  /** `stop`: it takes no more requests, ends those it has, and is gone then. `lose`: it is gone with them. */
  | { readonly kind: "stop" | "lose" | "restore"; readonly rank: number }
  | ({ readonly kind: "slow" } & SlowRank);

/** Does things to a simulated pool that happen to real ones by themselves. Nobody is told but by what the pool does then. */
export interface Simulation {
  readonly state: SimulationState;
  /** What is so already changes nothing, except that each shift is one more. A rank must be the pool's, a factor in range. */
  change(change: SimulationChange): void;
  /** @param listener is called after each change. @returns the way to stop listening */
  onChange(listener: (change: SimulationChange) => void): () => void;
}
