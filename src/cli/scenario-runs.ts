import type { Scenario } from "../config/scenario.ts";
import { BALANCE_POLICIES, type BalancePolicy } from "../core/planning/balance-policy.ts";
import type { Comparison } from "../model/comparison.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { type PolicyFigures, policyFigures } from "../report/policy-figures.ts";
import { PolicyLog, type RunLines } from "../report/policy-log.ts";
import type { ServiceLevel } from "../report/service-level.ts";
import { comparePolicies } from "../twin/compare-policies.ts";
import type { RoutingSource } from "../twin/routing-source.ts";
import { StepRecorder } from "../twin/step-recorder.ts";
import { virtualRun } from "../twin/virtual-run.ts";
import { paced } from "./paced.ts";
import type { ProgressBar } from "./progress-bar.ts";

/** What every policy meets alike: each begins with all of it anew. */
export interface ScenarioInputs {
  readonly routing: () => RoutingSource;
  readonly traffic: () => Iterable<TraceRequest>;
}

/** One log and one result for each policy, in the same order. */
export interface ScenarioRuns {
  readonly logs: readonly PolicyLog[];
  readonly figures: readonly PolicyFigures[];
  readonly comparison: Comparison;
}

/** Beside a policy's run; what it really takes depends on both. */
export const COMPARISON_WEIGHT = 1;

/** Runs the policies one after the other, on the same seed and the same requests, and compares them on what the last met. */
export async function runPolicies(
  scenario: Scenario,
  policies: readonly BalancePolicy["name"][],
  { routing, traffic }: ScenarioInputs,
  level: ServiceLevel | null,
  lines: RunLines,
  bar: ProgressBar,
  signal: AbortSignal,
): Promise<ScenarioRuns> {
  const { model, topology, cadence, assignment, seed, durationMs, fidelity } = scenario;
  const logs: PolicyLog[] = [];
  const figures: PolicyFigures[] = [];
  const shared = { model, topology, durationMs, cadence, assignment, seed, fidelity };
  let recorder = new StepRecorder(scenario.recordTokens);
  let source = routing();
  for (const name of policies) {
    const policy = BALANCE_POLICIES[name];
    const log = new PolicyLog(policy, lines, { level });
    // Only what the last one met is compared.
    recorder = new StepRecorder(name === policies.at(-1) ? scenario.recordTokens : 1);
    source = routing();
    const run = { ...shared, policy, routing: source, traffic: traffic(), recorder, observer: log };
    bar.begin(`simulating ${policy.title}`, 1);
    const result = await paced(virtualRun(run), (part) => bar.update(part), signal);
    logs.push(log);
    figures.push(policyFigures(log, result, level === null ? null : durationMs / 1000));
  }
  bar.begin("comparing policies", COMPARISON_WEIGHT);
  const comparing = comparePolicies(recorder, { model, topology, routing: source, cadence, seed, fidelity });
  return { logs, figures, comparison: await paced(comparing, (part) => bar.update(part), signal) };
}
