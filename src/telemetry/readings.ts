import type { PoolReport } from "../model/pool-report.ts";
import type { RebalanceGain } from "../model/rebalance-gain.ts";
import type { SourceReading } from "../model/source-reading.ts";
import type { WatchedEngine } from "../model/watched-engine.ts";
import type { WorkersUse } from "../model/workers-use.ts";

/** What a shard carries now. */
export interface ShardReading {
  readonly pool: string;
  readonly shard: string;
  readonly requests: number;
  readonly tokens: number;
  readonly ready: boolean;
  /** Whether circuits and ejections let requests through. */
  readonly admitting: boolean;
  /** By the engine's last report. */
  readonly waiting: number;
  /** The same, 0 to 1; null where it reports none. */
  readonly kvUse: number | null;
}

/** What the configuration says of a pool. */
export interface DeployedReading {
  readonly pool: string;
  readonly models: readonly string[];
  readonly kind: string;
  readonly role: string;
  readonly policy: string;
}

/** Which experts have how many replicas. */
export interface PlacedReading {
  readonly pool: string;
  readonly layers: number;
  readonly experts: number;
  /** `[layers]`: the layer of the model that each row is of. */
  readonly layerNumbers: readonly number[];
  replicasOf(row: number, expert: number): number;
}

/** Requests that wait for admission, and admitted ones. */
export interface AdmissionReading {
  readonly inFlight: number;
  readonly queued: number;
}

/** One pool's control, as this gateway has it. */
export interface ControlReading {
  readonly pool: string;
  /** In force here; null before the first. */
  readonly epoch: number | null;
  readonly leading: boolean;
  /** Terms as the leader that have begun here. */
  readonly terms: number;
  readonly paused: boolean;
  /** How many times as long as with an even split a step may take. */
  readonly loadLine: number;
  readonly gain: RebalanceGain;
  /** How long the stage of a rollout has been under way; 0 while none is. */
  readonly stageAgeMs: number;
  /** How long ranks may take to prepare a stage, and to switch to it. */
  readonly stageLimitMs: number;
  readonly rolloutsDone: number;
  readonly rolloutsGivenUp: number;
  /** Experts without a replica, summed over layers. */
  readonly missingExperts: number;
  /** How many ranks are live, lost, draining and drained. */
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

/** One model's requests by the experts that they use. */
export interface LocalityReading {
  readonly model: string;
  /** Of the sessions that go by them now, 0 to 1. */
  readonly share: number;
  /** Requests, by what their experts were known from. */
  readonly known: Readonly<Record<string, number>>;
  readonly sent: readonly { readonly pool: string; readonly arm: string; readonly requests: number }[];
  readonly answers: Readonly<Record<string, number>>;
  /** By arm; null where it is not known yet. */
  readonly stepExperts: Readonly<Record<string, number | null>>;
  /** By arm, summed up over requests. */
  readonly tpot: Readonly<Record<string, { readonly ms: number; readonly requests: number }>>;
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
  readonly build: { readonly version: string; readonly node: string };
  /** Wall-clock milliseconds since 1970. */
  nowMs(): number;
  workers(): WorkersUse;
  deployed(): Iterable<DeployedReading>;
  control(): Iterable<ControlReading>;
  storeReachable(): boolean;
  unreadable(): Iterable<UnreadableReading>;
  /** How often the remote gateways did not receive what this one has in flight. */
  unsharedReports(): number;
  shards(): Iterable<ShardReading>;
  routedExperts(): Iterable<RoutedExpertsReading>;
  localities(): Iterable<LocalityReading>;
  pools(): Iterable<PoolReport>;
  placed(): Iterable<PlacedReading>;
  /** Those that report it. */
  engines(): Iterable<EngineReading>;
  /** What servers are found by. */
  sources(): Iterable<SourceReading>;
  admission(): AdmissionReading;
  capture(): CaptureReading;
}
