import type { FittedEngine } from "../model/fitted-engine.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { ServingPrecision } from "../model/serving-precision.ts";
import type { ModelSizes } from "../twin/calibration/model-sizes.ts";
import type { Demand } from "./demand.ts";
import type { PlanGpu } from "./layout.ts";
import type { ServiceTarget } from "./service-target.ts";

/** Dollars per million tokens of an API. */
export interface ApiPrice {
  readonly prompt: number;
  readonly answer: number;
  /** Of prompt tokens that it has read before. */
  readonly cached: number;
}

/** What is planned. */
export interface PlanProblem {
  /** As it is served. */
  readonly model: MoeModel;
  readonly sizes: ModelSizes;
  readonly precision: ServingPrecision;
  /** Weights as they are published: their name on Hugging Face, null where nobody said, and what they are in. */
  readonly checkpoint: { readonly name: string | null; readonly precision: ServingPrecision };
  readonly types: readonly PlanGpu[];
  /** Whose constants and steps are planned with; null: of no engine in particular. */
  readonly engine: FittedEngine | null;
  readonly demand: Demand;
  readonly target: ServiceTarget;
  readonly maxGpus: number;
  /** Dollars an hour at most; null for as many as `maxGpus` cost. Every type has a price then. */
  readonly budget: number | null;
  /** What is compared with; null where nobody asked. */
  readonly apiPrice: ApiPrice | null;
  /** Units that may be away while the rest keeps the target. */
  readonly spare: number;
  /** Redundant experts of a layer, at least so many; null for as many as are worth it. */
  readonly redundant: number | null;
  /** How unevenly drawn traffic asks experts (`USUAL_SKEW`). */
  readonly skew: number;
  /** Where tokens take their experts from; null where they are drawn. */
  readonly routed: RoutingTrace | null;
  readonly seed: number;
}
