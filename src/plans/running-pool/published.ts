import { CONSUMER_DISPATCHES } from "../../model/consumer-dispatch.ts";
import type { Deployment } from "../../model/deployment.ts";
import { ROUTING_POLICIES } from "../../model/routing-policy.ts";
import { SERVING_PRECISIONS } from "../../model/serving-precision.ts";
import type { Topology } from "../../model/topology.ts";
import { flag, list, nullOr, number, orElse, record, text, whole, word } from "../../lib/shape.ts";

/** What `/admin/state` says of a pool, as far as it is read here. */
export interface PublishedPool {
  readonly pool: string;
  readonly models: readonly string[];
  /** Null where a gateway of an earlier version does not say. */
  readonly deployment: Deployment | null;
  readonly servers: number;
  readonly control: PublishedControl | null;
  readonly engine: { readonly balancedness: number | null; readonly dispatch: string } | null;
  readonly shards: readonly PublishedShard[];
}

export interface PublishedControl {
  readonly balancedness: number | null;
  readonly ranks: readonly string[];
}

export interface PublishedShard {
  readonly id: string;
  readonly requests: number;
  readonly reported: { readonly waiting: number; readonly kvUse: number | null };
  readonly health: { readonly ready: boolean };
}

export interface PublishedState {
  readonly admission: { readonly queued: number };
  readonly pools: readonly PublishedPool[];
}

const topology = record<Topology>({ nodes: whole(1), gpusPerNode: whole(1), slotsPerGpu: whole(1) });

const deployment = record<Deployment>({
  kind: word(["simulated", "openai", "vllm", "sglang", "trtllm"], "openai"),
  role: word(["whole", "prefill", "decode"], "whole"),
  policy: word(ROUTING_POLICIES, "least-load"),
  gpu: nullOr(text),
  precision: nullOr(word(SERVING_PRECISIONS)),
  experts: nullOr(record({ model: text, topology, dispatch: word(CONSUMER_DISPATCHES, "shares") })),
});

const pool = record<PublishedPool>({
  pool: text,
  models: list(text),
  deployment: orElse(nullOr(deployment), null),
  servers: orElse(whole(), 1),
  control: nullOr(record<PublishedControl>({ balancedness: nullOr(number(0)), ranks: list(text) })),
  engine: nullOr(record({ balancedness: nullOr(number(0)), dispatch: text })),
  shards: list(
    record<PublishedShard>({
      id: text,
      requests: number(0),
      reported: record({ waiting: number(0), kvUse: nullOr(number(0)) }),
      health: record({ ready: flag }),
    }),
  ),
});

/** Of that, the pools. */
export const publishedPools = list(pool);

export const publishedState = record<PublishedState>({
  admission: record({ queued: number(0) }),
  pools: publishedPools,
});

export interface PublishedPlacement {
  readonly epoch: number;
  readonly topology: Topology;
  readonly physical_to_logical_map: readonly (readonly number[])[];
}

export const publishedPlacement = record<PublishedPlacement>({
  epoch: whole(),
  topology,
  physical_to_logical_map: list(list(whole(-1))),
});

export interface PublishedShares {
  readonly epoch: number;
  readonly shares: readonly (readonly number[])[];
  readonly prices: readonly (readonly number[])[];
}

export const publishedShares = record<PublishedShares>({
  epoch: whole(),
  shares: list(list(number(0))),
  prices: list(list(number(0))),
});
