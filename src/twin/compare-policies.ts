import { H800, type Hardware } from "../core/cost/hardware.ts";
import { BALANCE_POLICIES } from "../core/planning/balance-policy.ts";
import type { Comparison, PolicyResult, Regime } from "../model/comparison.ts";
import { fullBatches } from "./full-batches.ts";
import { PolicyRun, type PolicyRunOptions } from "./policy-run.ts";
import { gpuCount } from "../model/topology.ts";
import type { StepRecord, StepRecorder } from "./step-recorder.ts";

/** Tokens per rank of a full batch: four chunks of DeepEP's low-latency batch; expert products are no longer bound by reading weights. */
const FULL_BATCH_TOKENS = 512;

export interface ComparisonOptions extends Omit<PolicyRunOptions, "hardware"> {
  readonly hardware?: Hardware;
}

/** Sends the recorded steps through every policy, all on the same cadence. Yields the part done, 0..1. */
export function* comparePolicies(
  recorder: StepRecorder,
  options: ComparisonOptions,
): Generator<number, Comparison> {
  const { records, share } = recorder;
  const complete = { hardware: H800, ...options };
  const asRun = yield* inRegime(records, complete, 0);
  // Under full load there is nothing to join.
  if (asRun.tokens >= asRun.steps * FULL_BATCH_TOKENS * gpuCount(options.topology)) {
    return { recordedShare: share, asRun, fullBatches: asRun };
  }
  const full = yield* inRegime(fullBatches(records, FULL_BATCH_TOKENS), complete, 0.5);
  return { recordedShare: share, asRun, fullBatches: full };
}

/** @param done the part of the whole comparison that is behind; a regime is half of it */
function* inRegime(
  records: readonly StepRecord[],
  options: PolicyRunOptions,
  done: number,
): Generator<number, Regime> {
  const policies = Object.values(BALANCE_POLICIES);
  const results: PolicyResult[] = [];
  for (const [i, policy] of policies.entries()) {
    const run = new PolicyRun(policy, options, records[0]?.atMs ?? 0);
    for (const [step, record] of records.entries()) {
      run.step(record);
      yield done + (i + (step + 1) / records.length) / policies.length / 2;
    }
    results.push(run.result());
  }
  const tokens = records.reduce((sum, { rows }) => sum + rows.length, 0);
  return { steps: records.length, tokens, policies: results };
}
