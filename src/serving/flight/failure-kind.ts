import type { EngineUnreachable } from "../engine.ts";
import type { FailureKind } from "../health/pool-health.ts";

/** How a request failed, for its shard's health. */
export function failureKind({ mayHaveBegun, cause }: EngineUnreachable): FailureKind {
  if (!mayHaveBegun) return "connect";
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  return typeof code === "string" && code.includes("TIMEOUT") ? "timeout" : "reset";
}
