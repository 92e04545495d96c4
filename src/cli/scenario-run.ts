import { policyBy } from "../core/planning/balance-policy.ts";
import type { Scenario } from "../config/scenario.ts";
import type { BalancePolicyName } from "../model/balance-policy-name.ts";
import type { TraceRequest } from "../model/traffic.ts";
import type { AdmissionLimits } from "../serving/admission/limits.ts";
import { UNLIMITED } from "../serving/admission/unlimited.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { BATCHING, type Batching, PLAIN_BATCHING } from "../twin/pool/batching.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import type { RunObserver } from "../twin/run/run-log.ts";
import { type VirtualRunResult, virtualRun } from "../twin/run/virtual-run.ts";
import type { StepRecorder } from "../twin/step-recorder.ts";

/** What a run has of its own: the same traffic and routing begin anew for every policy. */
export interface RunParts {
  readonly routing: RoutingSource;
  readonly traffic: Iterable<TraceRequest>;
  readonly recorder: StepRecorder;
  readonly observer: RunObserver | null;
}

/** A scenario under one way of balancing. Yields the part of its duration that has passed, 0..1. */
export function scenarioRun(
  scenario: Scenario,
  policy: BalancePolicyName,
  parts: RunParts,
): Generator<number, VirtualRunResult> {
  const { model, topology, assignment, decode, durationMs, cadence, fidelity, faults, seed, speculation } =
    scenario;
  const { shape, gpu, overlaps } = scenario;
  return virtualRun({
    ...parts,
    model,
    topology,
    assignment,
    decode,
    durationMs,
    cadence,
    fidelity,
    faults,
    seed,
    policy: policyBy(policy, scenario.dispatch),
    batching: batchingOf(scenario),
    speculation,
    engine: { shape, overlaps },
    hardware: modelledHardware(model, gpu),
    admission: admissionOf(scenario),
  });
}

function batchingOf({ batching: { engine, stepTokens, runningPerRank } }: Scenario): Batching {
  const plain = engine === null ? PLAIN_BATCHING : BATCHING[engine];
  return {
    ...plain,
    stepTokens: stepTokens ?? plain.stepTokens,
    runningPerRank: runningPerRank ?? plain.runningPerRank,
  };
}

function admissionOf({ admission }: Scenario): AdmissionLimits | null {
  if (admission === null) return null;
  const { maxInFlight, maxWaiting, maxWaitMs } = admission;
  return {
    ...UNLIMITED,
    total: { ...UNLIMITED.total, maxInFlight },
    queue: { maxWaiting, maxWaitMs },
  };
}
