import type { Hardware } from "../core/cost/hardware.ts";
import type { Layout } from "./layout.ts";
import { OpenUnit } from "./open-times.ts";
import type { OpenAsked } from "./pool-curves.ts";
import type { ServiceTarget } from "./service-target.ts";

/** Requests per second that a unit carries within the target, by arithmetic; 0 where none does. */
export function openCapacity(
  layout: Layout,
  problem: OpenAsked,
  target: ServiceTarget = problem.target,
  hardware: Hardware = layout.type.hardware,
): number {
  return new OpenUnit(layout, { ...problem, target }, hardware).capacity(target);
}
