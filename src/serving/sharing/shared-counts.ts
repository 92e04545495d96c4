import type { AdmissionUsage, TenantUsage } from "../admission/usage.ts";
import type { ServingPool } from "../serving-pool.ts";

/** What some processes have in flight on a pool's shards, `[shards]` each. */
export interface ShardCounts {
  readonly requests: Int32Array;
  readonly tokens: Float64Array;
  readonly prefillTokens: Float64Array;
}

/** What local workers and remote gateways have in flight, added to what this process counts in its `ShardStates`. */
export class SharedCounts {
  /** By the pool itself: a reload may put another of the same name in its place. */
  readonly #remote = new WeakMap<ServingPool, ShardCounts>();

  /** What this process has in flight. */
  own(pools: readonly ServingPool[]): Map<string, ShardCounts> {
    return new Map(
      pools.map((pool) => {
        const own = copyOf(pool.states);
        const remote = this.#remote.get(pool);
        if (remote !== undefined) add(own, remote, -1);
        return [pool.engine.pool, own];
      }),
    );
  }

  /** What the others have in flight now, in place of what they had. */
  others(pools: readonly ServingPool[], counts: ReadonlyMap<string, ShardCounts>): void {
    for (const pool of pools) {
      const before = this.#remote.get(pool);
      if (before !== undefined) add(pool.states, before, -1);
      this.#remote.delete(pool);
      const now = counts.get(pool.engine.pool);
      // During a reload, a pool of the same name may have other shards in another process.
      if (now === undefined || now.requests.length !== pool.states.count) continue;
      add(pool.states, now, 1);
      this.#remote.set(pool, now);
    }
  }

  /** Pools that a reload removed: what others have in flight does not keep them. */
  forget(before: readonly ServingPool[], after: readonly ServingPool[]): void {
    this.others(
      before.filter((pool) => !after.includes(pool)),
      new Map(),
    );
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

function copyOf({ requests, tokens, prefillTokens }: ShardCounts): ShardCounts {
  return { requests: requests.slice(), tokens: tokens.slice(), prefillTokens: prefillTokens.slice() };
}

function add(to: ShardCounts, counts: ShardCounts, sign: 1 | -1): void {
  for (let shard = 0; shard < to.requests.length; shard++) {
    to.requests[shard] += sign * counts.requests[shard];
    to.tokens[shard] += sign * counts.tokens[shard];
    to.prefillTokens[shard] += sign * counts.prefillTokens[shard];
  }
}
