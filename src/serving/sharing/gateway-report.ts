import {
  type Shape,
  list,
  named,
  number,
  orElse,
  readJson,
  record,
  text,
  tuple,
  whole,
  writeJson,
} from "../../lib/shape.ts";
import type { Moved } from "../locality/moved.ts";
import type { AdmissionUsage } from "../admission/usage.ts";

/** Requests, their tokens, and those of them to prefill, that a gateway has in flight on a shard. */
export type InFlight = readonly [requests: number, tokens: number, prefillTokens: number];

/** What one gateway reports to the others. Shards are named: gateways may list their servers in another order. */
export interface GatewayReport {
  readonly admission: AdmissionUsage;
  /** By the shard's id, those with nothing in flight left out. */
  readonly shards: ReadonlyMap<string, InFlight>;
  /** Where models are looked at by experts and nothing is sent so. */
  readonly moved: Moved;
}

/** Bounds keep sums over many gateways exact: the first is an int32. */
const MOST_REQUESTS = 1_000_000;
const MOST_TOKENS = 1e12;

const begun = whole();
const tokens = number(0);

const inFlight: Shape<InFlight> = tuple(whole(0, MOST_REQUESTS), summed, summed);

/** What is added and taken away again may end a rounding below 0. */
function summed(value: unknown, at: string): number {
  return Math.max(0, number(-1, MOST_TOKENS)(value, at));
}

const report: Shape<GatewayReport> = record<GatewayReport>({
  admission: record<AdmissionUsage>({
    inFlight: whole(0, MOST_REQUESTS),
    requests: begun,
    tokens,
    tenants: list(record({ tenant: text, inside: whole(0, MOST_REQUESTS), requests: begun, tokens })),
  }),
  shards: named(inFlight),
  moved: orElse(named(named(number(-MOST_TOKENS, MOST_TOKENS))), new Map()),
});

export function encodeGatewayReport({ admission, shards, moved }: GatewayReport): Uint8Array {
  const byModel = [...moved].map(([model, pools]) => [model, Object.fromEntries(pools)] as const);
  return writeJson({
    admission,
    shards: Object.fromEntries(shards),
    moved: Object.fromEntries(byModel),
  });
}

/** @throws Unreadable */
export function decodeGatewayReport(bytes: Uint8Array): GatewayReport {
  return readJson(bytes, report);
}
