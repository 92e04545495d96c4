import type { Config, PoolConfig } from "../config/config.ts";
import { openDisaggregated } from "./open-disaggregated.ts";
import { OpenPool, type PoolParts, settingsOf } from "./open-pool.ts";
import { openServers } from "./open-servers.ts";
import { openSimulated } from "./open-simulated.ts";
import type { PoolMakings } from "./surroundings.ts";

/** Opens a pool as a configuration names it. */
export function openPool(pool: PoolConfig, config: Config, makings: PoolMakings): OpenPool {
  return new OpenPool(settingsOf(pool, config), partsOf(pool, config, makings));
}

function partsOf(pool: PoolConfig, config: Config, makings: PoolMakings): PoolParts {
  switch (pool.kind) {
    case "simulated":
      return openSimulated(pool, config, makings);
    case "disaggregated":
      return openDisaggregated(pool, config, makings);
    case "openai":
    case "sglang":
    case "trtllm":
    case "vllm":
      return openServers(pool, config, makings);
  }
}
