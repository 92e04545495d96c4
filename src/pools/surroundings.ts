import type { Store } from "../control/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { SourceReading } from "../model/source-reading.ts";
import type { WorkersUse } from "../model/workers-use.ts";
import type { CaptureCounts } from "../serving/capture/capture-counts.ts";
import type { HealthListener } from "../serving/health/pool-health.ts";
import type { TrafficObserver } from "../serving/traffic/traffic-observer.ts";

/** What pools are made with beside the configuration. */
export interface PoolSurroundings {
  /** Where simulated tokens get their experts from; null for the gate on a synthetic source. */
  readonly routing: RoutingTrace | null;
  /** Tokens each simulated pool records for a comparison. */
  readonly recordTokens: number;
  /** Receives what went wrong in a control loop; the loop continues. */
  readonly onFault: (fault: Error) => void;
  /** Receives one line for a person when a shard's state changes. */
  readonly onNotice: (line: string) => void;
  /** How what the servers are found by is. */
  readonly sources?: () => readonly SourceReading[];
  /** The processes that serve for this one, with their requests in flight. */
  readonly workers?: () => readonly { readonly pid: number; readonly inFlight: number }[];
  /** What they use of the machine. */
  readonly workersUse?: () => WorkersUse;
  /** What those have recorded. */
  readonly captured?: () => CaptureCounts;
  /** Receives what the pools' health is decided from as well. */
  readonly healthListener?: HealthListener;
  /** For a local worker: the process that watches the servers, plans, reports and answers operators; else absent. */
  readonly follows?: {
    readonly operatorSocket: string;
    readonly traffic: TrafficObserver;
    /** Resolves when that process has asked the servers again what they list, and has reported it here. */
    readonly refreshModels: () => Promise<void>;
    /** Hides names and prompts in what is recorded: the same in every worker. */
    readonly captureSalt: Uint8Array;
    /** Receives one line for a person about what differs from worker to worker: what is recorded, and what is traced. */
    readonly onOwnNotice: (line: string) => void;
  };
}

/** What all pools of a gateway are opened with. */
export interface PoolMakings {
  readonly store: Store;
  /** This gateway's name among those that share the store. */
  readonly gateway: string;
  readonly surroundings: PoolSurroundings;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}
