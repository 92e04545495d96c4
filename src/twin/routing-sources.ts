import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { USUAL_SKEW } from "../model/expert-skew.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { RoutingSource } from "./routing-source.ts";
import { SyntheticRouting } from "./synthetic-routing.ts";
import { SyntheticRows } from "./synthetic-rows.ts";
import { TraceRouting } from "./trace-routing.ts";

interface SourceOptions {
  /** As in TraceRouting. */
  readonly tenants?: ReadonlyNumbers | null;
  /** Of the synthetic source. */
  readonly skew?: number;
}

/**
 * Sources that each begin anew with the same tokens, for runs that are compared.
 * @param trace where tokens take their experts from; null for the gate on a synthetic source
 */
export function routingSources(
  model: MoeModel,
  seed: number,
  trace: RoutingTrace | null,
  { tenants = null, skew = USUAL_SKEW }: SourceOptions = {},
): () => RoutingSource {
  if (trace !== null) return () => new TraceRouting(trace, tenants);
  const rows = new SyntheticRows(model, seed, skew);
  return () => new SyntheticRouting(model, seed, rows);
}
