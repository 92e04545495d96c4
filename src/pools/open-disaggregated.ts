import type { Config, DisaggregatedPoolConfig } from "../config/config.ts";
import { openPair } from "../open-engine.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import type { PoolParts } from "./open-pool.ts";
import { servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/** Servers that prefill, and servers that decode what those have prefilled. */
export function openDisaggregated(
  pool: DisaggregatedPoolConfig,
  config: Config,
  makings: PoolMakings,
): PoolParts {
  const engines = openPair(pool, config.upstream);
  const prefill = new ServingPool(servingParts(engines.prefill, pool, pool.prefillPolicy, config, makings));
  const parts = servingParts(engines.decode, pool, pool.decodePolicy, config, makings);
  const decode = new ServingPool({ ...parts, prefill });
  return { serving: [decode, prefill], controlled: null, simulated: null };
}
