import type { PoolReport } from "../model/pool-report.ts";
import type { WatchedEngine } from "../model/watched-engine.ts";

/** What a shard carries now. */
export interface ShardReading {
  readonly pool: string;
  readonly shard: string;
  readonly requests: number;
  readonly tokens: number;
  readonly ready: boolean;
  /** Whether circuits and ejections let requests through. */
  readonly admitting: boolean;
}

/** Requests that wait for admission, and admitted ones. */
export interface AdmissionReading {
  readonly inFlight: number;
  readonly queued: number;
}

/** One pool's control, as this gateway has it. */
export interface ControlReading {
  readonly pool: string;
  readonly leading: boolean;
  /** Terms as the leader that have begun here. */
  readonly terms: number;
  readonly rolloutsDone: number;
  readonly rolloutsGivenUp: number;
  /** Experts without a replica, summed over layers. */
  readonly missingExperts: number;
  /** How many ranks are live, lost, draining or drained. */
  readonly ranks: ReadonlyMap<string, number>;
  /** Load reports that this gateway received, by what became of them; null where ranks do not report by HTTP. */
  readonly reports: Readonly<Record<string, number>> | null;
}

/** What others left in the store and cannot be read here. */
export interface UnreadableReading {
  /** Empty for what does not concern one pool. */
  readonly pool: string;
  /** By its kind. */
  readonly dropped: ReadonlyMap<string, number>;
}

/** What became of the experts that a pool's answers reported. */
export interface RoutedExpertsReading {
  readonly pool: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** What became of requests that are recorded as a trace. */
export interface CaptureReading {
  readonly on: boolean;
  readonly written: number;
  /** Bytes of lines that were written. */
  readonly bytes: number;
  readonly queueFull: number;
  readonly unwritten: number;
}

/** The load balancing that a pool's engine does by itself. */
export interface EngineReading {
  readonly pool: string;
  readonly engine: WatchedEngine;
}

/** Where the gauges read from, at the moment of a scrape. */
export interface Readings {
  control(): Iterable<ControlReading>;
  storeReachable(): boolean;
  unreadable(): Iterable<UnreadableReading>;
  /** How often the remote gateways did not receive what this one has in flight. */
  unsharedReports(): number;
  shards(): Iterable<ShardReading>;
  routedExperts(): Iterable<RoutedExpertsReading>;
  pools(): Iterable<PoolReport>;
  /** Those that report it. */
  engines(): Iterable<EngineReading>;
  admission(): AdmissionReading;
  capture(): CaptureReading;
}
