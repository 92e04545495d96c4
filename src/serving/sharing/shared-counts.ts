import { type ShardCounts, add, copyOf } from "../../routing/shard-counts.ts";
import type { AdmissionUsage, TenantUsage } from "../admission/usage.ts";
import { type Engine, instanceOf } from "../engine.ts";
import type { ServingPool } from "../serving-pool.ts";

export type { ShardCounts };

/** Counts are kept by pools and their shards: while servers change, a pool may have others in another process. */
export function countsKey({ pool, shards }: Pick<Engine, "pool" | "shards">): string {
  let hash = FNV_OFFSET;
  for (const shard of shards) {
    const text = instanceOf(shard);
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
    hash = Math.imul(hash ^ SEPARATOR, FNV_PRIME);
  }
  return `${pool} ${shards.length} ${hash >>> 0}`;
}

/** FNV-1a of 32 bits. */
const FNV_OFFSET = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;
const SEPARATOR = 0xff;

/** What this process has in flight, by `countsKey`. */
export function ownCounts(pools: readonly ServingPool[]): Map<string, ShardCounts> {
  return new Map(pools.map(({ engine, states }) => [countsKey(engine), states.own()]));
}

/** What local workers and remote gateways have in flight now, in place of what they had. */
export function setOthers(pools: readonly ServingPool[], counts: ReadonlyMap<string, ShardCounts>): void {
  for (const { engine, states } of pools) states.setOthers(counts.get(countsKey(engine)) ?? null);
}

/** Counts of several processes, together. */
export function sumCounts(all: Iterable<ReadonlyMap<string, ShardCounts>>): Map<string, ShardCounts> {
  const sum = new Map<string, ShardCounts>();
  for (const counts of all) {
    for (const [pool, more] of counts) {
      const so = sum.get(pool);
      if (so === undefined) sum.set(pool, copyOf(more));
      else add(so, more, 1);
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
