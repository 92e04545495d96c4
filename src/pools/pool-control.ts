import type { Config, ExpertGroup } from "../config/config.ts";
import { ControlLoop } from "../control/control-loop.ts";
import type { ExpertPlane } from "../control/expert-plane.ts";
import { PlannerThread } from "../control/plan/planner-thread.ts";
import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { PoolMakings } from "./surroundings.ts";

export const POLICY = BALANCE_POLICIES.plimsoll;

/** The slow path of a pool; what it publishes is what the pool serves by. */
export function poolControl(
  serving: ServingPool,
  plane: ExpertPlane,
  { model, topology }: ExpertGroup,
  { control, store }: Config,
  makings: PoolMakings,
): ControlLoop {
  const { sharesMs, placementMs, prepareTimeoutMs, stagingBytes, rankSilenceMs } = control;
  const { clock, wallClock, gateway } = makings;
  const { onFault } = makings.surroundings;
  const cadence = { sharesMs, placementMs };
  const loop = new ControlLoop({
    gateway,
    plane,
    store: makings.store,
    leaseMs: store.leaseMs,
    planner: new PlannerThread({ model, topology, policy: POLICY, cadence }, clock, onFault),
    model,
    topology,
    roundMs: sharesMs,
    prepareTimeoutMs,
    stagingBytes,
    rankSilenceMs,
    clock,
    wallClock,
    onFault,
  });
  loop.view.onSnapshot((snapshot) => serving.switchTo(snapshot));
  return loop;
}
