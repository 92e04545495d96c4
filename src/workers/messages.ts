import type { Listening } from "../compose.ts";
import type { Config } from "../config/config.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { CaptureCounts } from "../serving/capture/capture-counts.ts";
import type { AdmissionUsage } from "../serving/admission/usage.ts";
import type { Outcome } from "../serving/health/outcome.ts";
import type { ServerNews } from "../serving/health/server-news.ts";
import type { GroupSample, SharedGroups } from "../serving/locality/group-learning.ts";
import type { Moved } from "../serving/locality/moved.ts";
import type { LocalityShare } from "../serving/locality/locality-share.ts";
import type { ShardCounts } from "../serving/sharing/shared-counts.ts";
import type { ProcessTraffic } from "../serving/traffic/traffic-meter.ts";

/** How often processes share what they have in flight: for so long a limit may be exceeded. */
export const SHARE_EVERY_MS = 25;

/** How often workers report which experts their answers have named. */
export const ROUTED_EVERY_MS = 500;

/** How often workers report what they have counted of requests by their experts, and receive groups. */
export const LOCALITY_EVERY_MS = 500;

/** How often workers report what they use of the machine. */
export const USE_EVERY_MS = 1000;

/** What a process uses of the machine. */
export interface ProcessUse {
  /** User and system time since its start. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** By the name of the engines' pool, and the shard's instance: in another process its place may be another. */
export type PoolOutcome = readonly [pool: string, instance: string, outcome: Outcome];

export interface Shared {
  readonly admission: AdmissionUsage;
  /** By countsKey. */
  readonly shards: ReadonlyMap<string, ShardCounts>;
  /** Since the last report. */
  readonly outcomes: readonly PoolOutcome[];
  readonly moved: Moved;
}

/** What a server answered to a question about its state. */
export interface Probe {
  readonly pool: string;
  /** As serverInstance has it. */
  readonly server: string;
  readonly news: ServerNews;
}

/** From a worker. */
export type WorkerMessage =
  | ({ readonly kind: "listening" } & Listening)
  /** The last `reload` is over: it may have new pools, and know nothing of their servers yet; or it could not reload. */
  | { readonly kind: "reloaded"; readonly done: boolean }
  | {
      readonly kind: "shared";
      readonly shared: Shared;
      readonly traffic: ProcessTraffic;
      readonly captured: CaptureCounts;
    }
  /** No known server lists a model that was asked for: the servers should be asked again what they list. */
  | { readonly kind: "refreshModels" }
  | { readonly kind: "use"; readonly use: ProcessUse }
  /** Tokens by expert, `[layers][experts]`, since the last report. */
  | { readonly kind: "routed"; readonly pool: string; readonly tokens: Float32Array }
  | { readonly kind: "locality"; readonly share: LocalityShare };

/** To a worker; the first is `begin`. */
export type PrimaryMessage =
  /** @param captureSalt hides names and prompts in what is recorded */
  | { readonly kind: "begin"; readonly config: Config; readonly captureSalt: Uint8Array }
  | { readonly kind: "others"; readonly shared: Shared }
  | { readonly kind: "probe"; readonly probe: Probe }
  /** What the servers list was sent before this. */
  | { readonly kind: "modelsRefreshed" }
  | { readonly kind: "snapshot"; readonly snapshot: RoutingSnapshot }
  /** By which a model's requests go from now on; null for none. */
  | { readonly kind: "groups"; readonly model: string; readonly groups: SharedGroups | null }
  /** What answers to another worker have named of a model's requests. */
  | { readonly kind: "samples"; readonly model: string; readonly samples: readonly GroupSample[] }
  | { readonly kind: "reload"; readonly config: Config }
  | { readonly kind: "stop" };
