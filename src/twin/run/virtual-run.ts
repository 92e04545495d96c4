import { H800, type Hardware } from "../../core/cost/hardware.ts";
import { BALANCE_POLICIES, type BalancePolicy } from "../../core/planning/balance-policy.ts";
import type { SampleSummary } from "../../lib/sample.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RankAssignment } from "../../model/rank-assignment.ts";
import type { Topology } from "../../model/topology.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import type { AdmissionLimits } from "../../serving/admission/limits.ts";
import type { RankAssigner } from "../assigners/rank-assigner.ts";
import type { Batching } from "../pool/batching.ts";
import type { PoolRole } from "../pool/pool-role.ts";
import type { Speculation } from "../pool/speculation.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { StepRecorder } from "../step-recorder.ts";
import type { RunObserver } from "./run-log.ts";
import { ServedRun } from "./served-run.ts";

/** A pool of a run. */
export interface RunPoolShape {
  readonly topology: Topology;
  /** An H800 unless said otherwise. */
  readonly hardware?: Hardware;
  readonly assignment: RankAssignment | RankAssigner;
}

/** A rank that dies in a run. */
export interface RankFault {
  /** `pool`, or `prefill` or `decode` where they are apart. */
  readonly pool: string;
  readonly rank: number;
  readonly atMs: number;
  /** Until that is noticed, its pool hangs. */
  readonly noticedMs: number;
  /** It is there again after so long; null for never. */
  readonly forMs: number | null;
}

export interface VirtualRunOptions extends RunPoolShape {
  readonly model: MoeModel;
  /** Where decoding is apart: `topology` and what goes with it are of the prompts' pool then. */
  readonly decode?: RunPoolShape | null;
  readonly routing: RoutingSource;
  /** In order of arrival; may be endless. */
  readonly traffic: Iterable<TraceRequest>;
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
  /** Tokens that are drafted and checked together; none unless said otherwise. */
  readonly speculation?: Speculation | null;
  /** Who is let in; everyone unless said otherwise. */
  readonly admission?: AdmissionLimits | null;
  readonly faults?: readonly RankFault[];
  readonly observer?: RunObserver | null;
  /** Latencies are of requests that arrive from then on, balancedness and hops of windows that begin then: 0 unless said. */
  readonly measuredFromMs?: number;
  /** Ends at `durationMs`, whatever is in flight; else once all is answered. */
  readonly cuts?: boolean;
}

/** A run in virtual time; latencies in virtual milliseconds. */
export interface VirtualRunResult {
  readonly virtualMs: number;
  readonly requests: number;
  /** Longer than a rank's cache, or turned away by admission. */
  readonly refused: number;
  /** Their rank was lost after their first token, or too often before it. */
  readonly failed: number;
  /** Times that a request was sent again since its rank was lost. */
  readonly resent: number;
  /** Times that a rank had no cache left for one that ran. */
  readonly preemptions: number;
  /** Of all that were let in. */
  readonly inputTokens: number;
  /** Of these, prompt tokens that were in the cache of the rank that got the request. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly steps: number;
  /** Σ mean / Σ max GPU load over steps and layers; like the hops per token and layer, null when nothing was forwarded. */
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly ttftMs: SampleSummary | null;
  readonly itlMs: SampleSummary | null;
  readonly tpotMs: SampleSummary | null;
  readonly e2eMs: SampleSummary | null;
  readonly epochs: number;
  readonly movedSlots: number;
  /** Prompt and output tokens forwarded a second, from `measuredFromMs` to `durationMs`; null where there were none. */
  readonly tokensPerSecond: number | null;
  readonly pools: readonly PoolResult[];
}

/** What one of the pools did. */
export interface PoolResult {
  readonly name: string;
  readonly role: PoolRole;
  readonly steps: number;
  readonly tokens: number;
  readonly meanStepMs: number | null;
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly epochs: number;
  readonly movedSlots: number;
}

/**
 * The twin: pools without GPUs and without the clock, behind the gateway's own admission, routing and planning, driven by
 * the trace's time. One event after the other, by time and then in the order in which they were put there: the same
 * options give the same bytes. Yields, with every step that begins, the part of `durationMs` that has passed, 0..1.
 */
export function* virtualRun(given: VirtualRunOptions): Generator<number, VirtualRunResult> {
  const run = new ServedRun({
    hardware: H800,
    decode: null,
    fidelity: "exact",
    policy: BALANCE_POLICIES.plimsoll,
    speculation: null,
    admission: null,
    faults: [],
    observer: null,
    measuredFromMs: 0,
    ...given,
  });
  const { durationMs, cuts = false } = given;
  const untilMs = cuts ? durationMs : Number.POSITIVE_INFINITY;
  let steps = 0;
  while (!run.over && run.timeline.nextMs < untilMs && run.timeline.next()) {
    if (run.totals.steps === steps) continue;
    steps = run.totals.steps;
    yield Math.min(1, run.timeline.now() / durationMs);
  }
  return run.end();
}
