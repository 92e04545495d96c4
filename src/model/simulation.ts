/** What has been done to a simulated pool while it runs. Plain JSON. */
export interface SimulationState {
  /** What this process makes for it; null where it gets only what clients send. */
  readonly traffic: OwnTraffic | null;
  /** How often its traffic has turned to other experts at once. */
  readonly shifts: number;
  /** Ranks that have stopped, ascending. */
  readonly lost: readonly number[];
}

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
  | { readonly kind: "lose" | "restore"; readonly rank: number };

/** Does things to a simulated pool that happen to real ones by themselves. Nobody is told but by what the pool does then. */
export interface Simulation {
  readonly state: SimulationState;
  /** What is so already changes nothing, except that each shift is one more. A rank must be the pool's, a factor in range. */
  change(change: SimulationChange): void;
  /** @param listener is called after each change. @returns the way to stop listening */
  onChange(listener: (change: SimulationChange) => void): () => void;
}
