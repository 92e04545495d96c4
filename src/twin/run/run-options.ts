import type { Hardware } from "../../core/cost/hardware.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RankFault } from "../../model/rank-fault.ts";
import type { RankAssignment } from "../../model/rank-assignment.ts";
import type { Topology } from "../../model/topology.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import type { AdmissionLimits } from "../../serving/admission/limits.ts";
import type { RankAssigner } from "../assigners/rank-assigner.ts";
import type { EngineSettings } from "../engine-settings.ts";
import type { Batching } from "../pool/batching.ts";
import type { Speculation } from "../pool/speculation.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepRecorder } from "../step-recorder.ts";
import type { RequestRecord, RunObserver } from "./run-log.ts";

/** A pool of a run. */
export interface RunPoolShape {
  readonly topology: Topology;
  /** An H800 unless said otherwise. */
  readonly hardware?: Hardware;
  readonly assignment: RankAssignment | RankAssigner;
  /** The placement and shares it begins with; as if nothing were known of the load unless given. */
  readonly begins?: Plan | undefined;
}

export interface VirtualRunOptions extends RunPoolShape {
  readonly model: MoeModel;
  /** Where decoding is apart: `topology` and what goes with it are of the prompts' pool then. */
  readonly decode?: RunPoolShape | null;
  readonly routing: RoutingSource;
  /** In order of arrival; may be endless. */
  readonly traffic: Iterable<TraceRequest>;
  /** Users who wait: what comes once a request is over, no sooner than that; null for nothing. Nothing ever unless said otherwise. */
  readonly again?: ((over: RequestRecord) => TraceRequest | null) | null;
  /** No request arrives later than this; those that have are finished. */
  readonly durationMs: number;
  readonly cadence: Cadence;
  readonly seed: number;
  readonly recorder: StepRecorder;
  /** Exact unless said otherwise. */
  readonly fidelity?: Fidelity;
  /** How pools are balanced; Plimsoll's way unless said otherwise. */
  readonly policy?: BalancePolicy;
  /** How ranks fill their steps; as the demo's unless said otherwise. */
  readonly batching?: Batching;
  /** How GPUs share the model; each its own unless said otherwise. */
  readonly engine?: EngineSettings;
  /** Tokens that are drafted and checked together; none unless said otherwise. */
  readonly speculation?: Speculation | null;
  /** Who is let in; everyone unless said otherwise. */
  readonly admission?: AdmissionLimits | null;
  readonly faults?: readonly RankFault[];
  readonly observer?: RunObserver | null;
  /** Latencies are of requests that arrive from then on, balancedness and hops of windows that begin then: 0 unless said. */
  readonly measuredFromMs?: number;
  /** Latencies are of requests that arrive before: all unless said. */
  readonly measuredToMs?: number;
  /** Ends the run, whatever is in flight; never unless said otherwise. */
  readonly enough?: (() => boolean) | null;
  /** Ends at `durationMs`, whatever is in flight; else once all is answered. */
  readonly cuts?: boolean;
}
