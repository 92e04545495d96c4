import type { ControlLoop } from "./control-loop.ts";
import type { ReportedPlane } from "./reported-plane.ts";

/** A pool with an expert plane, and the loop that plans for it. */
export interface ControlledPool {
  readonly loop: ControlLoop;
  /** Where its engines report by HTTP; null where the plane is in this process. */
  readonly reported: ReportedPlane | null;
}
