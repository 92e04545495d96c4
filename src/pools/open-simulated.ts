import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { Config, SimulatedPoolConfig } from "../config/config.ts";
import { whyNotServed } from "../core/cost/serving-room.ts";
import { type SimulatedPoolParts, simulatedPool } from "../engines/simulated/simulated-pool.ts";
import { engineOn, modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { InputError } from "../lib/errors.ts";
import { LIVE_FIDELITY } from "../model/fidelity.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import { controlSettings, openControl } from "./control-half.ts";
import { OpenPool } from "./open-pool.ts";
import { orClosed } from "./or-closed.ts";
import { ServingHalf, servingSettings } from "./serving-half.ts";
import { expertAffinityOf, servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/**
 * A pool that is modelled in this process. Its ranks are where its engine is: both halves go by one thread.
 * @throws InputError where no request fits on its GPUs
 */
export function openSimulated(
  pool: SimulatedPoolConfig,
  config: Config,
  makings: PoolMakings,
  before: OpenPool | null,
): OpenPool {
  const { name, experts: group } = pool;
  // It is planned for what it is simulated on.
  const machine = { hardware: modelledHardware(group.model, pool.gpu), shape: engineOn(pool.gpu).shape };
  const why = whyNotServed(group.model, group.topology, machine.hardware);
  if (why !== null) throw new InputError(`pool ${name}`, "topology", why);
  const settings = servingSettings(pool, config);
  const serving =
    before?.servingHalf.settings === settings
      ? before.servingHalf
      : openThread(settings, pool, config, makings);
  const old = before?.controlled ?? null;
  const goesOn = serving === before?.servingHalf && old?.settings === controlSettings(name, group, config);
  if (goesOn && before !== null) return before;
  const { plane, simulation } = serving.simulated as SimulatedPoolParts;
  const view = old?.loop.view ?? null;
  const control = openControl({ group, machine, plane, simulation, view }, config, makings);
  return new OpenPool(name, serving, control, null, makings);
}

function openThread(
  settings: string,
  pool: SimulatedPoolConfig,
  config: Config,
  makings: PoolMakings,
): ServingHalf {
  const { routing, recordTokens } = makings.surroundings;
  const { sharesMs, placementMs } = config.control;
  const { name, experts, seed, policy, gpu } = pool;
  const simulated = simulatedPool({
    pool: name,
    ...experts,
    seed,
    gpu,
    dispatch: BALANCE_POLICIES.plimsoll.dispatch,
    fidelity: LIVE_FIDELITY,
    routing,
    recordTokens,
    // What is compared at the end is looked at on the way.
    beside: recordTokens === 0 ? null : { sharesMs, placementMs },
    wallClock: makings.wallClock,
  });
  return orClosed([simulated.engine], () => {
    const parts = servingParts(simulated.engine, pool, policy, config, makings);
    const affinity = expertAffinityOf(parts, experts, config, makings);
    return new ServingHalf(settings, {
      serving: [new ServingPool({ ...parts, moe: experts.model, experts: affinity })],
      simulated,
    });
  });
}
