import type { ConsumerDispatch } from "./consumer-dispatch.ts";
import type { RoutingPolicy } from "./routing-policy.ts";
import type { ServingPrecision } from "./serving-precision.ts";
import type { Topology } from "./topology.ts";

/** What a pool's configuration says of what serves there. Plain JSON. */
export interface Deployment {
  readonly kind: "simulated" | "openai" | "vllm" | "sglang" | "trtllm";
  /** What its servers do of a request. */
  readonly role: "whole" | "prefill" | "decode";
  /** How requests are routed to its shards. */
  readonly policy: RoutingPolicy;
  /** Of a simulated pool; null elsewhere. */
  readonly gpu: string | null;
  /** What a simulated pool's model is served in; null for its own format, and elsewhere. */
  readonly precision: ServingPrecision | null;
  /** Whose experts are over which GPUs; null where the configuration does not say. */
  readonly experts: {
    /** Its name. */
    readonly model: string;
    readonly topology: Topology;
    readonly dispatch: ConsumerDispatch;
  } | null;
}
