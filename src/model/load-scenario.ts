import type { LengthSpread } from "./length-spread.ts";
import type { RanksChange } from "./simulation.ts";

/** A load test as a file says it: what is sent when, what happens to the server meanwhile, and what has to hold. */
export interface LoadScenario {
  readonly title: string;
  /** What it shows, in a sentence. */
  readonly shows: string;
  /** No request starts so long or longer after the run began. */
  readonly durationMs: number;
  /** What starts before is sent and read, and counts nowhere. */
  readonly warmUpMs: number;
  readonly streams: readonly LoadStream[];
  /** By their time. */
  readonly events: readonly ScenarioEvent[];
  readonly thresholds: readonly ScenarioThreshold[];
  /** What a good request holds, as `--goodput` has it; empty for none. */
  readonly goodput: readonly string[];
  /** How often a request is sent again that is answered 429 or 503. */
  readonly retries: number;
}

/** A point of a rate that changes: evenly from one to the next, and as the last for good. */
export interface RatePoint {
  /** Milliseconds after its stream begins; the first is at 0. */
  readonly atMs: number;
  /** Requests per second, ≥ 0. */
  readonly rate: number;
}

/** Requests of one kind. */
export interface LoadStream {
  readonly name: string;
  /** When it begins and ends, milliseconds after the run began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** As time goes on; or so many at once, when it begins. */
  readonly arrivals:
    | { readonly kind: "rate"; readonly curve: readonly RatePoint[]; readonly burstiness: number }
    | { readonly kind: "burst"; readonly requests: number };
  readonly input: LengthSpread;
  readonly output: LengthSpread;
  readonly tenant: string | null;
  /** As the API has it: the least goes first. */
  readonly priority: number | null;
}

/** What is done to the server while requests go on: to a simulated pool, or by its operators. */
export type ScenarioChange =
  | RanksChange
  | { readonly kind: "drain"; readonly rank: number }
  | { readonly kind: "undrain"; readonly rank: number }
  /** One after the other: drained, until others have its experts; stopped; away for so long; back, and used again. */
  | { readonly kind: "restart"; readonly ranks: readonly number[]; readonly awayMs: number };

export interface ScenarioEvent {
  /** Milliseconds after the run began. */
  readonly atMs: number;
  readonly change: ScenarioChange;
  /** Null for the first simulated pool that the server has. */
  readonly pool: string | null;
}

/** A part of a run's requests. */
export interface RequestSelection {
  /** By their scheduled start, milliseconds after the run began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Null for any. */
  readonly tenant: string | null;
  readonly stream: string | null;
  readonly shard: string | null;
}

/** Something that a run has to hold. */
export interface ScenarioThreshold {
  /** A comparison of a figure with a bound: `p95_ttft_ms < 400`. */
  readonly that: string;
  readonly of: RequestSelection;
  /** Where it is there, the figure is divided by the same of these requests. */
  readonly against: RequestSelection | null;
  /** Where it is written. */
  readonly place: string;
}
