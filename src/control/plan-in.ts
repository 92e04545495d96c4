import type { Plan } from "../core/planning/balancer.ts";
import type { Questions } from "./planner-protocol.ts";

/** The plan that an answer hands over, which both ends then have; null where it has none. */
export function planIn(question: keyof Questions, answer: unknown): Plan | null {
  switch (question) {
    case "current":
    case "reshare":
      return answer as Plan;
    case "plan":
      return (answer as Awaited<ReturnType<Questions["plan"]>>).decision?.plan ?? null;
    case "replan":
      return (answer as Awaited<ReturnType<Questions["replan"]>>).plan;
    case "survive":
      return (answer as Awaited<ReturnType<Questions["survive"]>>).plan;
    case "learned":
      return null;
  }
}
