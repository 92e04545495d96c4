import type { ServingPool } from "../serving/serving-pool.ts";
import type { PoolOutcome } from "./messages.ts";

/**
 * How other processes' requests went counts for the health of this one's pools. While a reload goes round, a pool of the
 * same name may have more shards elsewhere.
 */
export function hearOutcomes(pools: readonly ServingPool[], outcomes: readonly PoolOutcome[]): void {
  for (const [name, outcome] of outcomes) {
    const pool = pools.find(({ engine }) => engine.pool === name);
    if (pool !== undefined && outcome.shard < pool.engine.shards.length) pool.health.heard(outcome);
  }
}
