import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { gpusInService } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { gpuCount } from "../../model/topology.ts";
import { H800 } from "../cost/hardware.ts";
import { nodeHopCost } from "../cost/hop-cost.ts";
import { expectedNodeHops } from "../placement/node-hops.ts";
import { balancednessOver } from "../shares/balancedness-over.ts";
import { balancedness, gpuLoads } from "../shares/gpu-loads.ts";
import type { BalancePolicy } from "./balance-policy.ts";
import { consumerOf } from "./consumers/consumers.ts";
import type { Plan } from "./plan.ts";

export interface Prediction {
  /** Over the GPUs that hold an expert. */
  readonly balancedness: number;
  /** Per token and layer; 0 where nothing is known of tokens. */
  readonly nodeHops: number;
  /** Time of experts and exchange, in that of experts perfectly balanced over all the pool's GPUs. */
  readonly cost: number;
}

/** Says what plans would come to. */
export class Predictor {
  readonly #follows: boolean;
  readonly #hopCost: number;

  constructor(model: MoeModel, policy: BalancePolicy) {
    this.#follows = consumerOf(policy.consumer).follows;
    this.#hopCost = nodeHopCost(model, H800);
  }

  /**
   * @param scenarios how the load may vary
   * @param sample    tokens that no placement was made from; null where nothing is known of tokens
   */
  predict(
    plan: Plan,
    load: ExpertLoad,
    scenarios: readonly ExpertLoad[],
    sample: RoutingTrace | null,
  ): Prediction {
    const { placement, replicas } = plan;
    // Where shares can follow each scenario, they will.
    const followed = scenarios.length > 0 && this.#follows;
    const balance = followed
      ? balancednessOver(placement, replicas, scenarios)
      : this.balancednessOf(plan, load);
    const nodeHops = sample === null ? 0 : expectedNodeHops(placement, replicas, sample);
    const serving = Math.max(1, gpusInService(placement).length) / gpuCount(placement.topology);
    return { balancedness: balance, nodeHops, cost: 1 / (balance * serving) + this.#hopCost * nodeHops };
  }

  balancednessOf({ placement, shares }: Plan, load: ExpertLoad): number {
    const loads = gpuLoads(placement, shares.values, load);
    return balancedness(loads, gpuCount(placement.topology), gpusInService(placement).length);
  }
}

/** From the one prediction to the other, for a person. */
export function changeText(before: Prediction, after: Prediction): string {
  const balance = `forecast balancedness ${before.balancedness.toFixed(3)} → ${after.balancedness.toFixed(3)}`;
  if (before.nodeHops === 0) return balance;
  return `${balance}, node hops ${before.nodeHops.toFixed(2)} → ${after.nodeHops.toFixed(2)}`;
}
