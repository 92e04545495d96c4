import type { GpuChoice } from "../../twin/calibration/gpu-hardware.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { BalanceBeside } from "../../model/balance-beside.ts";
import type { Comparison } from "../../model/comparison.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolWindow, RankState } from "../../model/pool-window.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { Topology } from "../../model/topology.ts";

/** What a pool's thread is started with. */
export interface ThreadData {
  readonly model: MoeModel;
  readonly topology: Topology;
  /** Steers everything random in the pool. */
  readonly seed: number;
  /** Where tokens get their experts from; null = the gate on a synthetic source. */
  readonly routing: RoutingTrace | null;
  readonly dispatch: DispatchPolicy;
  readonly fidelity: Fidelity;
  /** What its GPUs are; null for the usual ones. */
  readonly gpu: GpuChoice | null;
  /** Tokens to record for a comparison at most; 0 records nothing. */
  readonly recordTokens: number;
  /** How often EPLB places anew that is run beside, on the same steps; null for none. */
  readonly beside: Cadence | null;
}

/** Gateway thread → pool thread. */
export type ToPool =
  | {
      readonly kind: "submit";
      readonly id: number;
      readonly rank: number;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly tenant: string | null;
    }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "switchTo"; readonly snapshot: RoutingSnapshot }
  /** The rank dies with its requests, or starts again, holding nothing. */
  | { readonly kind: "lose" | "restore"; readonly rank: number }
  /** It takes part in one forward pass of `factor`. */
  | { readonly kind: "slow"; readonly rank: number; readonly factor: number }
  /** Requests use other experts from now on. */
  | { readonly kind: "shift" }
  | { readonly kind: "ask"; readonly ticket: number; readonly question: Question };

export type Question =
  | { readonly kind: "observe" }
  | { readonly kind: "ranks" }
  | { readonly kind: "prepare"; readonly placement: Placement }
  | { readonly kind: "compare"; readonly cadence: Cadence };

/** What each question is answered with. */
export interface Answers {
  readonly observe: Observation;
  /** Null while the pool has no snapshot. */
  readonly ranks: readonly RankState[] | null;
  readonly prepare: null;
  readonly compare: Comparison;
}

export interface Observation {
  readonly window: PoolWindow;
  readonly inFlight: number;
  /** Wall-clock time the simulation has fallen behind the time it models, since the start. */
  readonly lagMs: number;
  /** What EPLB makes of the same steps; null where it is not run, or cannot be compared now. */
  readonly beside: BalanceBeside | null;
}

/** Pool thread → gateway thread. */
export type FromPool =
  | { readonly kind: "ready"; readonly maxRequestTokens: number }
  /** Requests that got their next token, and those of them that are complete. */
  | {
      readonly kind: "step";
      readonly made: readonly number[];
      readonly finished: readonly number[];
      /** Some tokens of each that is complete. */
      readonly routed: readonly RoutingTrace[];
    }
  | { readonly kind: "answer"; readonly ticket: number; readonly value: Answers[keyof Answers] }
  | { readonly kind: "progress"; readonly part: number };
