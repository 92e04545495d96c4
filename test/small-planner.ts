import type { PlannerOptions } from "../src/control/plan/planner.ts";
import { BALANCE_POLICIES } from "../src/core/planning/balance-policy.ts";
import { UNKNOWN_MACHINE } from "../src/core/planning/machine.ts";
import { Rng } from "../src/lib/rng.ts";
import type { ExpertLoad } from "../src/model/load.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS, SMALL_TOPOLOGY } from "../harness/small-model.ts";

/** Shares every 100 ms, placements every second. */
export const SMALL_PLANNER: PlannerOptions = {
  model: SMALL_MODEL,
  topology: SMALL_TOPOLOGY,
  policy: BALANCE_POLICIES.plimsoll,
  cadence: { sharesMs: 100, placementMs: 1000 },
  machine: UNKNOWN_MACHINE,
};

/** Lognormal, another for every seed. */
export function smallRandomLoad(seed: number): ExpertLoad {
  const rng = new Rng(seed);
  const length = SMALL_MOE_LAYERS * SMALL_MODEL.experts;
  const tokens = Float64Array.from({ length }, () => Math.exp(rng.normal()));
  return { layers: SMALL_MOE_LAYERS, experts: SMALL_MODEL.experts, tokens };
}
