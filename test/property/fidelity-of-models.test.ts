import { expect, test } from "vitest";
import { ENGINE_H800 } from "../../src/core/cost/hardware.ts";
import { policyBy } from "../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import type { ConsumerDispatch } from "../../src/model/consumer-dispatch.ts";
import type { Fidelity } from "../../src/model/fidelity.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRows } from "../../src/twin/synthetic-rows.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, modelLike } from "../../harness/small-model.ts";

/** Launches would hide what steps of few tokens differ in. */
const HARDWARE = { ...ENGINE_H800, fixed: { ...ENGINE_H800.fixed, launch: 0 } };
const NEVER = { sharesMs: 1e12, placementMs: 1e12 };
/** DeepSeek-V3's sizes: experts weigh what they do there. */
const SIZES = { layers: 12, denseLayers: 0, hidden: 7168, moeIntermediate: 2048 };

interface Load {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const FEW_ANSWERS: Load = { requests: 2, inputTokens: 4, outputTokens: 60 };
const PROMPTS: Load = { requests: 2, inputTokens: 500, outputTokens: 1 };

/** Mean milliseconds of a pool's steps until all is answered, in each fidelity. */
function stepMs(
  experts: number,
  { nodes, slots }: { nodes: number; slots: number },
  dispatch: ConsumerDispatch,
  { requests, inputTokens, outputTokens }: Load,
): Record<Fidelity, number> {
  const topk = Math.min(8, experts / 4);
  const model = modelLike(SMALL_MODEL, { ...SIZES, experts, topk, groups: 1, topkGroups: 1 });
  const topology = { nodes, gpusPerNode: 4, slotsPerGpu: slots };
  const policy = policyBy("plimsoll", dispatch);
  const { current } = new Balancer(model, topology, policy, NEVER, 0);
  const rows = new SyntheticRows(model, 1);
  const of = (fidelity: Fidelity) => {
    const routing = new SyntheticRouting(model, 1, rows);
    const pool = new SimulatedPool(
      { model, routing, dispatch: policy.dispatch, seed: 1, hardware: HARDWARE, fidelity },
      current,
    );
    for (let rank = 0; rank < gpuCount(topology); rank++) {
      for (let i = 0; i < requests; i++)
        pool.submit({ id: rank * requests + i, rank, inputTokens, outputTokens });
    }
    let [ms, steps] = [0, 0];
    for (let step = pool.step(); step !== null; step = pool.step()) {
      ms += step.ms;
      steps++;
    }
    return ms / steps;
  };
  return { exact: of("exact"), sampled: of("sampled"), analytic: of("analytic") };
}

test.each([
  [8, { nodes: 1, slots: 3 }, "even", FEW_ANSWERS],
  [60, { nodes: 1, slots: 20 }, "shares", PROMPTS],
  [128, { nodes: 4, slots: 8 }, "priced", FEW_ANSWERS],
  [384, { nodes: 1, slots: 120 }, "static", FEW_ANSWERS],
] as const)(
  "%i experts on %o by %s dispatch: steps last as long whether drawn, sampled or worked out",
  (experts, pool, dispatch, load) => {
    const { exact, sampled, analytic } = stepMs(experts, pool, dispatch, load);
    expect(Math.abs(sampled / exact - 1)).toBeLessThan(0.01);
    expect(Math.abs(analytic / exact - 1)).toBeLessThan(0.01);
  },
);
