import type { EngineUnreachable } from "../engine.ts";
import type { FailureKind } from "../health/outcome.ts";

/** How a request failed, for its shard's health. */
export function failureKind(fault: EngineUnreachable): FailureKind {
  if (!fault.mayHaveBegun) return "connect";
  return fault.timedOut ? "timeout" : "reset";
}
