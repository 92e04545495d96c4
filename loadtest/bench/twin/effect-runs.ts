import { ENGINE_H800 } from "../../../src/core/cost/hardware.ts";
import { BALANCE_POLICIES } from "../../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../../src/core/planning/balancer.ts";
import { policyTopology } from "../../../src/core/planning/policy-topology.ts";
import type { BalancePolicyName } from "../../../src/model/balance-policy-name.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import { type Topology, gpuCount } from "../../../src/model/topology.ts";
import { BATCHING } from "../../../src/twin/pool/batching.ts";
import type { Speculation } from "../../../src/twin/pool/speculation.ts";
import type { RoutingSource } from "../../../src/twin/routing-source.ts";
import { SimulatedPool } from "../../../src/twin/simulated-pool.ts";
import type { EngineSettings } from "../../../src/twin/engine-settings.ts";

/** Steps of a run: each looks at four layers, so that all have their turn several times. */
const STEPS = 48;
/** Tokens of a rank's step of prompts (DeepSeek's profile data). */
const STEP_TOKENS = 16_384;

export interface EffectRun {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly routing: RoutingSource;
  /** What placements are made for. */
  readonly load: ExpertLoad;
  readonly policy: BalancePolicyName;
  readonly seed: number;
  readonly overlaps?: boolean;
  readonly speculation?: Speculation;
}

export interface EffectResult {
  /** Tokens per second of a node. */
  readonly nodeRate: number;
  readonly stepMs: number;
  /** Σ mean ÷ Σ maximum load of GPUs, over steps. */
  readonly balancedness: number;
}

/** Steps of prompts of so many tokens, 16,384 on every rank. */
export function prefill(run: EffectRun, prompt: number): EffectResult {
  const pool = poolOf(run, "prefill");
  const each = STEP_TOKENS / prompt;
  return measured(run, pool, () => {
    for (let rank = 0; rank < pool.count; rank++) {
      for (let i = 0; i < each; i++) submit(pool, rank, { inputTokens: prompt, outputTokens: 1 });
    }
  });
}

/** Steps of so many answers on every rank, at a context. */
export function decode(run: EffectRun, requests: number, context: number): EffectResult {
  const pool = poolOf(run, "decode");
  let begun = false;
  return measured(run, pool, () => {
    if (begun) return;
    begun = true;
    // With two tokens a step no answer ends before the run does.
    const outputTokens = 2 * STEPS + 2;
    for (let rank = 0; rank < pool.count; rank++) {
      for (let i = 0; i < requests; i++)
        submit(pool, rank, { inputTokens: context - STEPS, outputTokens, prefilled: true });
    }
  });
}

let nextId = 0;

function submit(
  pool: SimulatedPool,
  rank: number,
  request: { inputTokens: number; outputTokens: number; prefilled?: boolean },
): void {
  pool.submit({ id: nextId++, rank, ...request });
}

function poolOf(run: EffectRun, role: "prefill" | "decode"): SimulatedPool {
  const { model, topology, load, routing, seed, overlaps = true, speculation = null } = run;
  const policy = BALANCE_POLICIES[run.policy];
  const cadence = { sharesMs: 1000, placementMs: 1000 };
  const balancer = new Balancer(model, policyTopology(model, topology, policy), policy, cadence, 0);
  balancer.observe(load, 1000);
  const decision = balancer.decide(1000);
  if (decision !== null && decision.kind !== "keep") balancer.accept(decision.plan);
  const engine: EngineSettings = { shape: { attentionTp: 1, moeTp: 1 }, overlaps };
  const batching = { ...BATCHING.sglang, stepTokens: STEP_TOKENS, prefixCache: false };
  const options = { model, routing, seed, engine, batching, role, speculation };
  return new SimulatedPool(
    { ...options, dispatch: policy.dispatch, hardware: ENGINE_H800, fidelity: "analytic" },
    balancer.current,
  );
}

function measured({ topology }: EffectRun, pool: SimulatedPool, submitMore: () => void): EffectResult {
  let [tokens, ms] = [0, 0];
  for (let steps = 0; steps < STEPS; steps++) {
    submitMore();
    const step = pool.step();
    if (step === null) throw new Error("nothing runs");
    tokens += step.prefillTokens > 0 ? step.prefillTokens : step.made.length;
    if (step.prefillTokens > 0) for (const id of step.finished) pool.release(id);
    ms += step.ms;
  }
  const { sumMean, sumMax } = pool.takeWindow(ms);
  return {
    nodeRate: (1000 * tokens * topology.gpusPerNode) / ms / gpuCount(topology),
    stepMs: ms / STEPS,
    balancedness: sumMean / sumMax,
  };
}
