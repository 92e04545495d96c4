import type { Scenario } from "../config/scenario.ts";
import { policyBy } from "../core/planning/balance-policy.ts";
import { policyTopology } from "../core/planning/policy-topology.ts";
import { InputError } from "../lib/errors.ts";
import type { BalancePolicyName } from "../model/balance-policy-name.ts";
import type { Comparison } from "../model/comparison.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { type PolicyFigures, policyFigures } from "../report/policy-figures.ts";
import { PolicyLog, type RunLines } from "../report/policy-log.ts";
import { comparePolicies } from "../twin/compare-policies.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { StepRecorder } from "../twin/step-recorder.ts";
import type { VirtualRunResult } from "../twin/run/run-result.ts";
import { paced } from "./paced.ts";
import { longest } from "./pool-text.ts";
import type { ProgressBar } from "./progress-bar.ts";
import { scenarioRun } from "./scenario-run.ts";

/** What every policy meets alike: each begins with all of it anew. */
export interface ScenarioInputs {
  readonly routing: () => RoutingSource;
  readonly traffic: () => Iterable<TraceRequest>;
}

/** One log and one result for each policy, in the same order. */
export interface ScenarioRuns {
  readonly logs: readonly PolicyLog[];
  readonly figures: readonly PolicyFigures[];
  /** Null where nothing was recorded. */
  readonly comparison: Comparison | null;
}

/** Beside a policy's run; what it really takes depends on both. */
export const COMPARISON_WEIGHT = 1;

/**
 * Runs the scenario's policies one after the other, on the same seed and the same requests, and compares them on what the last
 * met.
 * @throws InputError where every request is too long
 */
export async function runPolicies(given: {
  readonly path: string;
  readonly scenario: Scenario;
  readonly inputs: ScenarioInputs;
  readonly lines: RunLines;
  readonly bar: ProgressBar;
  readonly signal: AbortSignal;
}): Promise<ScenarioRuns> {
  const { path, scenario, lines, bar, signal } = given;
  const { routing, traffic } = given.inputs;
  const { model, topology, cadence, seed, durationMs, fidelity, policies, slo } = scenario;
  const logs: PolicyLog[] = [];
  const figures: PolicyFigures[] = [];
  let recorder = new StepRecorder(1);
  let source = routing();
  for (const name of policies) {
    const { title } = policyBy(name, scenario.dispatch);
    const log = new PolicyLog({ name, title }, lines, { level: slo });
    // Only what the last one met is compared.
    if (name === policies.at(-1)) recorder = new StepRecorder(Math.max(1, scenario.recordTokens));
    source = routing();
    bar.begin(`simulating ${title}`, 1);
    const run = scenarioRun(scenario, name, { routing: source, traffic: traffic(), recorder, observer: log });
    const result = await paced(run, (part) => bar.update(part), signal);
    checkAnswered(path, scenario, name, result);
    logs.push(log);
    figures.push(policyFigures(log, result, slo === null ? null : durationMs / 1000));
  }
  if (scenario.recordTokens === 0) return { logs, figures, comparison: null };
  bar.begin("comparing policies", COMPARISON_WEIGHT);
  const comparing = comparePolicies(recorder, {
    model,
    topology,
    routing: source,
    cadence,
    seed,
    fidelity,
    hardware: modelledHardware(model, scenario.gpu),
    engine: { shape: scenario.shape, overlaps: scenario.overlaps },
  });
  return { logs, figures, comparison: await paced(comparing, (part) => bar.update(part), signal) };
}

/** @throws InputError where a policy's run has room for no request */
function checkAnswered(
  path: string,
  { model, topology, decode, dispatch, gpu, shape }: Scenario,
  policy: BalancePolicyName,
  { requests, refused }: VirtualRunResult,
): void {
  if (requests === 0 || refused < requests) return;
  const rooms = [topology, ...(decode === null ? [] : [decode.topology])].map((room) =>
    longest(
      model,
      policyTopology(model, room, policyBy(policy, dispatch)),
      modelledHardware(model, gpu),
      shape,
    ),
  );
  const hint = `leaves a rank room for requests of up to ${Math.min(...rooms)} tokens, and all ${requests} are longer`;
  throw new InputError(path, "topology", `${hint}; give more GPUs, or fewer slots`);
}
