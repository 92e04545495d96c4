import type { Hardware } from "../core/cost/hardware.ts";
import { BALANCE_POLICIES, type BalancePolicy } from "../core/planning/balance-policy.ts";
import type { Cadence } from "../model/cadence.ts";
import type { Fidelity } from "../model/fidelity.ts";
import type { LoadLine, LoadLines } from "../model/load-line.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Topology } from "../model/topology.ts";
import type { TraceRequest } from "../model/traffic.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { RoutingSource } from "./routing-source.ts";
import { StepRecorder } from "./step-recorder.ts";
import { type VirtualRunResult, virtualRun } from "./run/virtual-run.ts";

/** More than any way of balancing carries, in parts of what the pool carries without. */
const OVERLOAD = 2;

export interface LoadLineOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  /** An H800 unless said otherwise. */
  readonly hardware?: Hardware;
  readonly engine?: EngineSettings;
  /** The same for every way of balancing. */
  readonly routing: () => RoutingSource;
  /** Traffic of so many tokens a second, the same from the same rate. */
  readonly traffic: (tokensPerSecond: number) => Iterable<TraceRequest>;
  readonly cadence: Cadence;
  readonly fidelity: Fidelity;
  readonly seed: number;
}

/** A virtual run of one way of balancing. @param cuts ends in time, whatever waits */
function* run(
  options: LoadLineOptions,
  policy: BalancePolicy,
  tokensPerSecond: number,
  measured: { readonly fromMs: number; readonly toMs: number; readonly cuts: boolean },
): Generator<number, VirtualRunResult> {
  const { traffic, routing, ...rest } = options;
  return yield* virtualRun({
    ...rest,
    policy,
    routing: routing(),
    traffic: traffic(tokensPerSecond),
    durationMs: measured.toMs,
    measuredFromMs: measured.fromMs,
    cuts: measured.cuts,
    assignment: "least-in-flight",
    recorder: new StepRecorder(1),
  });
}

/** A few full steps of a large model, after the first ones. */
const FEW_SECONDS = { fromMs: 2000, toMs: 6000 };

/**
 * What the pool carries without redundant experts, prompt and output tokens a second.
 * @param beyond tokens a second that are more than that
 */
export function* carriedUnbalanced(
  options: LoadLineOptions,
  beyond: number,
  span: { readonly fromMs: number; readonly toMs: number } = FEW_SECONDS,
): Generator<number, number> {
  const measured = { ...span, cuts: true };
  const { tokensPerSecond } = yield* run(options, BALANCE_POLICIES.none, beyond, measured);
  return tokensPerSecond ?? 0;
}

/**
 * Measures every way of balancing in the twin, from the second placement on: with more than it can take, and at the
 * offered load. Yields the part done, 0..1.
 */
export function* loadLines(
  options: LoadLineOptions,
  offeredTokensPerSecond: number,
): Generator<number, LoadLines> {
  const { placementMs } = options.cadence;
  const from = 1.2 * placementMs;
  const policies: LoadLine[] = [];
  const all = Object.values(BALANCE_POLICIES);
  let done = 0;
  function* part(policy: BalancePolicy, tokensPerSecond: number, toMs: number, cuts: boolean) {
    const running = run(options, policy, tokensPerSecond, { fromMs: from, toMs, cuts });
    for (;;) {
      const next = running.next();
      if (next.done === true) {
        done++;
        return next.value;
      }
      yield (done + next.value) / all.length / 2;
    }
  }
  for (const policy of all) {
    const full = yield* part(policy, OVERLOAD * offeredTokensPerSecond, 2 * placementMs, true);
    const offered = yield* part(policy, offeredTokensPerSecond, 3 * placementMs, false);
    policies.push({
      name: policy.name,
      title: policy.title,
      mostTokensPerSecond: full.tokensPerSecond,
      offered: {
        tokensPerSecond: offered.tokensPerSecond,
        ttftMs: offered.ttftMs,
        tpotMs: offered.tpotMs,
        balancedness: offered.balancedness,
      },
    });
  }
  return { offeredTokensPerSecond, policies };
}
