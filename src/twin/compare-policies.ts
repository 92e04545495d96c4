import { H800, type Hardware } from "../core/cost/hardware.ts";
import { BALANCE_POLICIES, type BalancePolicy } from "../core/planning/balance-policy.ts";
import { Balancer } from "../core/planning/balancer.ts";
import { policyTopology } from "../core/planning/policy-topology.ts";
import type { Cadence } from "../model/cadence.ts";
import type { Comparison, PolicyResult } from "../model/comparison.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import { ForwardPass } from "./forward-pass.ts";
import { PoolMeter } from "./pool-meter.ts";
import type { RoutingSource } from "./routing-source.ts";
import { type StepRecord, type StepRecorder, replayBatch } from "./step-recorder.ts";

export interface ComparisonOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly hardware?: Hardware;
  readonly routing: RoutingSource;
  readonly cadence: Cadence;
  readonly seed: number;
}

/**
 * Sends the recorded steps through no redundancy, EPLB with even shares, and Plimsoll: each starts knowing
 * nothing, observes its own past only and re-plans on the same cadence. Yields the part done, 0..1.
 */
export function* comparePolicies(recorder: StepRecorder, options: ComparisonOptions): Generator<number, Comparison> {
  const { records } = recorder;
  const policies = Object.values(BALANCE_POLICIES);
  const results: PolicyResult[] = [];
  for (const [i, policy] of policies.entries()) {
    const run = runPolicy(records, policy, options);
    for (let next = run.next(); ; next = run.next()) {
      if (next.done === true) {
        results.push(next.value);
        break;
      }
      yield (i + next.value) / policies.length;
    }
  }
  const tokens = records.reduce((sum, { rows }) => sum + rows.length, 0);
  return { steps: records.length, tokens, recordedShare: recorder.share, policies: results };
}

function* runPolicy(
  records: readonly StepRecord[],
  policy: BalancePolicy,
  { model, topology: given, hardware = H800, routing, cadence, seed }: ComparisonOptions,
): Generator<number, PolicyResult> {
  const topology = policyTopology(model, given, policy);
  const startMs = records.length === 0 ? 0 : records[0].atMs;
  const balancer = new Balancer(model, topology, policy, cadence, startMs);
  const forward = () => new ForwardPass(model, hardware, balancer.current, policy.dispatch, seed);
  let pass = forward();
  let meter = new PoolMeter(balancer.current.placement);
  let windowFrom = startMs;
  let movedSlots = 0;
  let epochs = 1;
  let tokens = 0;
  let sumMean = 0;
  let sumMax = 0;
  let hops = 0;
  let nodeHops = 0;
  let stepMs = 0;
  const closeWindow = (atMs: number) => {
    const window = meter.window(atMs - windowFrom, []);
    meter = new PoolMeter(balancer.current.placement);
    windowFrom = atMs;
    tokens += window.tokens;
    sumMean += window.sumMean;
    sumMax += window.sumMax;
    hops += window.hops;
    nodeHops += window.nodeHops;
    stepMs += window.stepMs;
    return window;
  };
  for (const [i, record] of records.entries()) {
    if (record.atMs - windowFrom >= cadence.sharesMs) {
      const window = closeWindow(record.atMs);
      if (window.tokens > 0) balancer.observe(window.load, window.spanMs);
      const decision = balancer.decide(record.atMs);
      if (decision !== null && decision.kind !== "keep") {
        balancer.accept(decision.plan);
        movedSlots += decision.moves.slots;
        epochs++;
        pass = forward();
      }
    }
    pass.run(replayBatch(record), routing, meter);
    yield (i + 1) / records.length;
  }
  closeWindow(windowFrom + cadence.sharesMs);
  const pairs = tokens * balancer.current.placement.layers;
  return {
    name: policy.name,
    title: policy.title,
    balancedness: sumMax === 0 ? 1 : sumMean / sumMax,
    nodeHopsPerToken: pairs === 0 ? 0 : nodeHops / pairs,
    hopsPerToken: pairs === 0 ? 0 : hops / pairs,
    meanStepMs: records.length === 0 ? 0 : stepMs / records.length,
    tokensPerGpuSecond: stepMs === 0 ? 0 : tokens / (stepMs / 1000) / gpuCount(topology),
    movedSlots,
    epochs,
  };
}
