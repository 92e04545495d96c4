import type { ServingPool } from "../serving/serving-pool.ts";

/** Whether a pool can serve, as `/ready` reports it. */
export interface PoolReady {
  readonly ready: boolean;
  /** Those of its servers that prefill counted with the others. */
  readonly shards: { readonly ready: number; readonly total: number };
  /** Why it cannot serve; null when it can. Names no server, which may have a password in its URL. */
  readonly reason: string | null;
}

/** A pool whose prefill and decode are apart needs a shard of each. */
export function poolReadiness(pool: ServingPool): PoolReady {
  const parts = pool.prefill === null ? [pool] : [pool.prefill, pool];
  const reasons = parts.flatMap(({ engine, health }) => {
    if (health.lack === null) return [];
    return [parts.length === 1 ? health.lack : `${engine.pool}: ${health.lack}`];
  });
  const shards = {
    ready: sum(parts.map(({ states }) => states.ready.reduce((count, ready) => count + ready, 0))),
    total: sum(parts.map(({ states }) => states.count)),
  };
  return { ready: reasons.length === 0, shards, reason: reasons.length === 0 ? null : reasons.join("; ") };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
