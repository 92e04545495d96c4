import type { ServingPool } from "../serving/serving-pool.ts";
import type { PoolOutcome } from "./messages.ts";

/** How other processes' requests went counts for the health of this one's pools. */
export function hearOutcomes(pools: readonly ServingPool[], outcomes: readonly PoolOutcome[]): void {
  for (const [name, outcome] of outcomes) {
    pools.find(({ engine }) => engine.pool === name)?.health.heard(outcome);
  }
}
