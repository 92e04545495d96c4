import type { ServingPool } from "../serving/serving-pool.ts";
import type { PoolOutcome } from "./messages.ts";

/**
 * How requests of other processes went counts for the health of this one's pools. While a reload is under way, a pool
 * of the same name may have other shards in another process.
 */
export function receiveOutcomes(pools: readonly ServingPool[], outcomes: readonly PoolOutcome[]): void {
  for (const [name, instance, outcome] of outcomes) {
    const pool = pools.find(({ engine }) => engine.pool === name);
    const shard = pool?.placeOf(instance) ?? -1;
    if (shard >= 0) pool?.health.received({ ...outcome, shard });
  }
}
