import type { Config, SimulatedPoolConfig } from "../config/config.ts";
import { simulatedPool } from "../engines/simulated/simulated-pool.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import type { PoolParts } from "./open-pool.ts";
import { POLICY, poolControl } from "./pool-control.ts";
import { expertAffinityOf, servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/** A pool that is modelled in this process. */
export function openSimulated(pool: SimulatedPoolConfig, config: Config, makings: PoolMakings): PoolParts {
  const { routing, recordTokens } = makings.surroundings;
  const { name, experts, seed, policy } = pool;
  const simulated = simulatedPool({
    pool: name,
    ...experts,
    seed,
    dispatch: POLICY.dispatch,
    routing,
    recordTokens,
    wallClock: makings.wallClock,
  });
  const parts = servingParts(simulated.engine, pool, policy, config, makings);
  const affinity = expertAffinityOf(parts, experts, config, makings);
  const serving = new ServingPool({ ...parts, experts: affinity });
  const loop = poolControl(serving, simulated.plane, experts, config, makings);
  return { serving: [serving], controlled: { loop, inbox: null, routed: null, pull: null }, simulated };
}
