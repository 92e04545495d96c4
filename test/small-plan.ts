import { BALANCE_POLICIES } from "../src/core/planning/balance-policy.ts";
import { Balancer } from "../src/core/planning/balancer.ts";
import type { Plan } from "../src/core/planning/plan.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../harness/small-model.ts";

/** Plimsoll's first plan for the small pool. */
export function smallPlan(): Plan {
  const cadence = { sharesMs: 1000, placementMs: 1000 };
  return new Balancer(SMALL_MODEL, SMALL_TOPOLOGY, BALANCE_POLICIES.plimsoll, cadence, 0).current;
}
