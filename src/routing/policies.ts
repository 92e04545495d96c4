import type { RoutingPolicy } from "../model/routing-policy.ts";
import { capacity } from "./filters/capacity.ts";
import { circuit } from "./filters/circuit.ts";
import { firstTier } from "./filters/first-tier.ts";
import { model } from "./filters/model.ts";
import { pinned } from "./filters/pinned.ts";
import { ready } from "./filters/ready.ts";
import { subset } from "./filters/subset.ts";
import { untried } from "./filters/untried.ts";
import { best } from "./pickers/best.ts";
import { powerOfTwo } from "./pickers/power-of-two.ts";
import { roundRobin } from "./pickers/round-robin.ts";
import { weightedBest } from "./pickers/weighted-best.ts";
import type { Picker, Policy, Scorer } from "./plug-in.ts";
import { decodeLoad } from "./scorers/decode-load.ts";
import { expertAffinity } from "./scorers/expert-affinity.ts";
import { inFlightTokens } from "./scorers/in-flight-tokens.ts";
import { kvUse } from "./scorers/kv-use.ts";
import { prefillTokens } from "./scorers/prefill-tokens.ts";
import { PrefixAffinity } from "./scorers/prefix-affinity.ts";
import { queueDepth } from "./scorers/queue-depth.ts";
import { rendezvous } from "./scorers/rendezvous.ts";
import { sessionAffinity } from "./scorers/session-affinity.ts";

/** The pool that a policy is for. */
export interface PolicyOptions {
  readonly shardIds: readonly string[];
  /** Memory for prefixes, where the policy uses them (PrefixIndex). */
  readonly prefixIndexBytes: number;
}

/** The one that rules a request out for good comes first: it is the reason a client is given. */
const FILTERS = [model, pinned, subset, ready, circuit, untried, capacity, firstTier];

/** All scorers use the same unit, so each has the weight 1. */
const PLUG_INS: Record<RoutingPolicy, (options: PolicyOptions) => [Picker, ...Scorer[]]> = {
  "expert-aware": (pool) => [weightedBest, ...load, ...affinity(pool), expertAffinity],
  "cache-aware": (pool) => [weightedBest, ...load, ...affinity(pool)],
  "least-load": () => [best, ...load],
  "power-of-two": () => [powerOfTwo, ...load],
  "round-robin": ({ shardIds }) => [roundRobin(shardIds.length)],
  "consistent-hash": ({ shardIds }) => [best, rendezvous(shardIds)],
  prefill: (pool) => [best, prefillTokens, queueDepth, prefix(pool)],
  decode: () => [best, decodeLoad, kvUse, expertAffinity],
};

const load = [inFlightTokens, queueDepth, kvUse];

function affinity(pool: PolicyOptions): Scorer[] {
  return [prefix(pool), sessionAffinity(pool.shardIds)];
}

function prefix({ shardIds, prefixIndexBytes }: PolicyOptions): Scorer {
  return new PrefixAffinity(shardIds.length, prefixIndexBytes);
}

/** A policy for one pool; what it remembers is its own. */
export function createPolicy(name: RoutingPolicy, options: PolicyOptions): Policy {
  const [picker, ...scorers] = PLUG_INS[name](options);
  return { name, filters: FILTERS, scorers: scorers.map((scorer) => ({ scorer, weight: 1 })), picker };
}
