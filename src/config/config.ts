import { z } from "zod";
import type { ConsumerDispatch } from "../model/consumer-dispatch.ts";
import type { ModelSettings } from "../model/model-settings.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingPolicy } from "../model/routing-policy.ts";
import type { ServerAccess } from "../model/server-access.ts";
import type { ServerName } from "../model/server-name.ts";
import type { ServerPart } from "../model/server-part.ts";
import type { ServingPrecision } from "../model/serving-precision.ts";
import type { StoreAddress } from "../model/store-address.ts";
import type { Topology } from "../model/topology.ts";
import type { ChosenGpu } from "./gpus/chosen-gpu.ts";
import type { AccessConfig } from "./access-config.ts";
import type { ListenerTls } from "./read-tls.ts";
import type { CaptureConfig } from "./capture-config.ts";
import type { DiscoverConfig } from "./discover-config.ts";
import type { TelemetryConfig } from "./telemetry-config.ts";
import type { PickerConfig } from "./picker-config.ts";
import { poolSchema } from "./pool-schema.ts";
import { settingsSchema } from "./settings-schema.ts";

const NO_POOLS =
  "expected the pools to serve, as in `pools: [{ name: chat, kind: vllm, models: [m], urls: [http://10.0.0.1:8000] }]`";

/** What a configuration looks like once the file and the environment are laid over config/default.yaml. */
export const configSchema = settingsSchema.extend({
  pools: z
    .array(poolSchema, {
      error: ({ input }) => (input === undefined || input === null ? NO_POOLS : undefined),
    })
    .min(1, NO_POOLS),
});

type Settings = z.output<typeof settingsSchema>;
type Admission = Settings["admission"];

/** The configuration of a gateway, with the shapes its pools name. Nothing changes it: a reload makes another. */
export interface Config
  extends Readonly<
    Omit<Settings, "access" | "admission" | "capture" | "models" | "picker" | "store" | "telemetry">
  > {
  /** Each of `tenants` with what it leaves out taken from `tenant`. */
  readonly admission: Omit<Admission, "tenants"> & {
    readonly tenants: Readonly<Record<string, Admission["tenant"]>>;
  };
  /** Models of which more is said than that pools serve them. */
  readonly models: readonly ModelSettings[];
  readonly capture: CaptureConfig;
  /** Null for none. */
  readonly picker: PickerConfig | null;
  readonly telemetry: TelemetryConfig;
  readonly store: Readonly<Omit<Settings["store"], "url">> & { readonly address: StoreAddress };
  /** Of the key that routes for operators and engines want as a bearer token; null for none. */
  readonly operatorKeyHash: string | null;
  /** Who may ask, beside the holder of that. */
  readonly access: AccessConfig;
  /** What the listeners show; null where one speaks unencrypted. */
  readonly listenerTls: { readonly http: ListenerTls | null; readonly admin: ListenerTls | null };
  /** Files of keys and certificates, after whose change the configuration is to be read again; 0 ms for never. */
  readonly files: { readonly names: readonly string[]; readonly watchMs: number };
  readonly pools: readonly PoolConfig[];
  /** What a person should know of what was written, one line each. */
  readonly notes: readonly string[];
}

/** An expert-parallel group: a model's experts over the GPUs of a topology. */
export interface ExpertGroup {
  readonly model: MoeModel;
  readonly topology: Topology;
  /** How its engine splits tokens over replicas. */
  readonly dispatch: ConsumerDispatch;
}

interface AnyPool {
  readonly name: string;
  /** The names clients ask for. */
  readonly models: readonly string[];
  /** Requests in flight on one shard at most; 0 for no limit. */
  readonly maxRequestsPerShard: number;
}

/** A pool modelled in this process. */
export interface SimulatedPoolConfig extends AnyPool {
  readonly kind: "simulated";
  readonly policy: RoutingPolicy;
  readonly experts: ExpertGroup;
  readonly seed: number;
  /** Null for the usual one. */
  readonly gpu: ChosenGpu | null;
  /** What its model is served in; null for its own format. */
  readonly precision: ServingPrecision | null;
}

/** Servers of one role. */
export interface ServersConfig {
  /** Without credentials; a request's path is appended. */
  readonly urls: readonly string[];
  /** How each is spoken to, in the order of `urls`. */
  readonly access: readonly ServerAccess[];
  /** What each is called that was found under a name, in the order of `urls`; null for those that were not. */
  readonly names: readonly (ServerName | null)[];
  /** Which part each is to get, in the order of `urls`. */
  readonly parts: readonly ServerPart[];
  /** Where further ones are found; null where there are only these. */
  readonly discover: DiscoverConfig | null;
  /** Ranks of each server that can be asked for one by one; 1 where they cannot. */
  readonly dataParallelSize: number;
  /** The global rank of each server's first rank, in the order of `urls`. */
  readonly rankOffsets: readonly number[];
  /** Where each prefill server waits for its decode server, in the order of `urls`; empty where it does not. */
  readonly bootstrapPorts: readonly number[];
}

/** A pool of inference servers, each of which does whole requests. */
export interface ServerPoolConfig extends AnyPool {
  readonly kind: "openai" | "vllm" | "sglang" | "trtllm";
  readonly policy: RoutingPolicy;
  /** What the engines want as a bearer token; null for nothing. */
  readonly apiKey: string | null;
  readonly servers: ServersConfig;
  /** Where the engines report expert loads; null where they do not. */
  readonly experts: ExpertGroup | null;
  /** Of all requests, so many report in their answers which experts they used; 0 to leave answers as they are. */
  readonly routedExperts: number;
  /** Where SGLang's servers write what they record, and how often they are asked to; null to leave them be. */
  readonly recorder: { readonly directory: string; readonly intervalMs: number } | null;
}

/** A pool whose requests are prefilled on one server and decoded on another. */
export interface DisaggregatedPoolConfig extends AnyPool {
  readonly kind: "disaggregated";
  readonly engine: "vllm" | "sglang";
  readonly prefillPolicy: RoutingPolicy;
  readonly decodePolicy: RoutingPolicy;
  readonly apiKey: string | null;
  readonly prefill: ServersConfig;
  readonly decode: ServersConfig;
}

export type PoolConfig = SimulatedPoolConfig | ServerPoolConfig | DisaggregatedPoolConfig;
