import type { Config } from "../config/config.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { AdmissionUsage } from "../serving/admission/usage.ts";
import type { ShardReport } from "../serving/engine.ts";
import type { Outcome } from "../serving/health/pool-health.ts";
import type { ShardCounts } from "../serving/sharing/shared-counts.ts";
import type { TrafficTelling } from "../serving/traffic/traffic-meter.ts";

/** How often processes tell each other what they have in flight: so long limits may be passed over. */
export const TELL_EVERY_MS = 25;

/** How often workers tell which experts their answers have named. */
export const ROUTED_EVERY_MS = 500;

/** By the name of the engines' pool. */
export type PoolOutcome = readonly [pool: string, outcome: Outcome];

export interface Shared {
  readonly admission: AdmissionUsage;
  /** By the name of the engines' pool. */
  readonly shards: ReadonlyMap<string, ShardCounts>;
  /** Since the last telling. */
  readonly outcomes: readonly PoolOutcome[];
}

/** What a probe brought: reports, or why there are none. */
export interface Probe {
  readonly pool: string;
  /** The server's name. */
  readonly server: string;
  readonly reports: readonly ShardReport[] | null;
  readonly why: string;
}

/** From a worker. */
export type WorkerMessage =
  | { readonly kind: "listening"; readonly url: string }
  | { readonly kind: "shared"; readonly shared: Shared; readonly traffic: TrafficTelling }
  /** Tokens by expert, `[layers][experts]`, since the last telling. */
  | { readonly kind: "routed"; readonly pool: string; readonly tokens: Float32Array };

/** To a worker; the first is `reload`, with the configuration that it begins by. */
export type PrimaryMessage =
  | { readonly kind: "others"; readonly shared: Shared }
  | { readonly kind: "probe"; readonly probe: Probe }
  | { readonly kind: "snapshot"; readonly snapshot: RoutingSnapshot }
  | { readonly kind: "reload"; readonly config: Config }
  | { readonly kind: "stop" };
