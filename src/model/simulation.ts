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

/** What this process plays. */
export interface OwnTraffic {
  /** For a person: a trace's file, or what is made up. */
  readonly name: string;
  /** In parts of what it began with, LEAST_TRAFFIC to `most`. Of a trace, how often each of its requests is sent. */
  readonly factor: number;
  readonly most: number;
  /** Nothing arrives; what is in flight goes on. */
  readonly paused: boolean;
  /** Null for traffic that is made up as it goes, without a time of its own. */
  readonly trace: TracePosition | null;
}

/** Where a trace is, in milliseconds since its first request. */
export interface TracePosition {
  readonly atMs: number;
  /** When its last request comes. */
  readonly lengthMs: number;
  /** How many times as fast as it was recorded: one of TRACE_SPEEDS. */
  readonly speed: number;
}

export const LEAST_TRAFFIC = 0.1;
export const TRACE_SPEEDS: readonly number[] = [0.5, 1, 2, 5];

/** One thing that was done to the traffic of this process. */
export type TrafficChange =
  | { readonly kind: "traffic"; readonly factor: number }
  | { readonly kind: "pause" | "go-on" }
  /** From the beginning; where it was paused, it goes on. */
  | { readonly kind: "again" }
  /** Of a trace alone. */
  | { readonly kind: "speed"; readonly speed: number }
  | { readonly kind: "jump"; readonly atMs: number };

/** One thing that was done to its ranks, or to what they are asked. */
export type RanksChange =
  | { readonly kind: "shift" }
  /** `stop`: it takes no more requests, ends those it has, and is gone then. `lose`: it is gone with them. */
  | { readonly kind: "stop" | "lose" | "restore"; readonly rank: number }
  | ({ readonly kind: "slow" } & SlowRank);

export type SimulationChange = TrafficChange | RanksChange;

/** Why a change of traffic cannot be made, in a line; null where it can. */
export function whyNotPlayed({ kind }: SimulationChange, traffic: OwnTraffic | null): string | null {
  if (kind !== "speed" && kind !== "jump") return null;
  if (traffic === null || traffic.trace !== null) return null;
  const what = kind === "jump" ? "there is nowhere to jump to" : "it has no speed beside its rate";
  return `the traffic is made up as it goes: ${what}; play a trace (--trace)`;
}

/** Traffic that can be steered while it is sent. */
export interface SteeredTraffic {
  readonly state: OwnTraffic;
  /** @returns whether it is news */
  change(change: TrafficChange): boolean;
}

/** Does things to a simulated pool that happen to real ones by themselves. Nobody is told but by what the pool does then. */
export interface Simulation {
  readonly state: SimulationState;
  /**
   * What is so already, or cannot be (`whyNotPlayed`), changes nothing; each shift, jump and new beginning is one more. A rank
   * must be the pool's, a factor in range.
   */
  change(change: SimulationChange): void;
  /** @param listener is called after each change. @returns the way to stop listening */
  onChange(listener: (change: SimulationChange) => void): () => void;
}
