import { type ShardCounts, add, copyOf } from "../../routing/shard-counts.ts";
import type { AdmissionUsage, TenantUsage } from "../admission/usage.ts";
import type { ServingPool } from "../serving-pool.ts";

export type { ShardCounts };

/** What this process has in flight, by the engines' pool. */
export function ownCounts(pools: readonly ServingPool[]): Map<string, ShardCounts> {
  return new Map(pools.map(({ engine, states }) => [engine.pool, states.own()]));
}

/** What local workers and remote gateways have in flight now, in place of what they had. */
export function setOthers(pools: readonly ServingPool[], counts: ReadonlyMap<string, ShardCounts>): void {
  for (const { engine, states } of pools) {
    const now = counts.get(engine.pool);
    // During a reload, a pool of the same name may have other shards in another process.
    states.setOthers(now !== undefined && now.requests.length === states.count ? now : null);
  }
}

/** Counts of several processes, together. */
export function sumCounts(all: Iterable<ReadonlyMap<string, ShardCounts>>): Map<string, ShardCounts> {
  const sum = new Map<string, ShardCounts>();
  for (const counts of all) {
    for (const [pool, more] of counts) {
      const so = sum.get(pool);
      if (so === undefined) sum.set(pool, copyOf(more));
      else if (so.requests.length === more.requests.length) add(so, more, 1);
    }
  }
  return sum;
}

/** Usages of several processes, together. */
export function sumUsage(all: Iterable<AdmissionUsage>): AdmissionUsage {
  const sum = { inFlight: 0, requests: 0, tokens: 0 };
  const tenants = new Map<string, TenantUsage>();
  for (const usage of all) {
    sum.inFlight += usage.inFlight;
    sum.requests += usage.requests;
    sum.tokens += usage.tokens;
    for (const { tenant, inside, requests, tokens } of usage.tenants) {
      const so = tenants.get(tenant) ?? { tenant, inside: 0, requests: 0, tokens: 0 };
      tenants.set(tenant, {
        tenant,
        inside: so.inside + inside,
        requests: so.requests + requests,
        tokens: so.tokens + tokens,
      });
    }
  }
  return { ...sum, tenants: [...tenants.values()] };
}
