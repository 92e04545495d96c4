import type { ServingPool } from "../serving/serving-pool.ts";
import type { PoolOutcome } from "./messages.ts";

/**
 * How requests of other processes went counts for the health of this one's pools. While a reload is under way, a pool
 * of the same name may have more shards in another process.
 */
export function receiveOutcomes(pools: readonly ServingPool[], outcomes: readonly PoolOutcome[]): void {
  for (const [name, outcome] of outcomes) {
    const pool = pools.find(({ engine }) => engine.pool === name);
    if (pool !== undefined && outcome.shard < pool.engine.shards.length) pool.health.received(outcome);
  }
}
