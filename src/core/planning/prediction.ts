import { sumOf } from "../../lib/vectors.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { gpusInService } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { Hardware } from "../cost/hardware.ts";
import { nodeHopCost } from "../cost/hop-cost.ts";
import { layerNodeHops } from "../placement/node-hops.ts";
import { layerMaximaOver } from "../shares/balancedness-over.ts";
import { balancedness, gpuLoads } from "../shares/gpu-loads.ts";
import type { BalancePolicy } from "./balance-policy.ts";
import { consumerOf } from "./consumers/consumers.ts";
import type { Plan } from "./plan.ts";
import { restCost } from "./rest-cost.ts";

/** What a plan would come to under a load. */
export interface Prediction {
  /** Over the GPUs that hold an expert. */
  readonly balancedness: number;
  /** Per token and layer; 0 where nothing is known of tokens. */
  readonly nodeHops: number;
  /** Time of a token, by MoE layer: in that of its experts in one, perfectly balanced over all the pool's GPUs. */
  readonly cost: number;
}

/** What costs are made of, in the same unit. */
export interface Predicted extends Prediction {
  /** Of the exchange between nodes. */
  readonly exchange: number;
  /** Of what placements are made by: experts, and the exchange where something is known of tokens. */
  readonly placed: number;
  /** Without what levelling adds, which passes as the load drifts. */
  readonly lasting: number;
  /** `[layers]`: of experts and exchange; they add up to the cost without what is neither. */
  readonly layerCosts: Float64Array;
}

/** Says what plans would come to. */
export class Predictor {
  readonly #follows: boolean;
  readonly #hopCost: number;
  readonly #restCost: number;
  readonly #model: MoeModel;

  constructor(model: MoeModel, policy: BalancePolicy, hardware: Hardware) {
    this.#model = model;
    this.#follows = consumerOf(policy.consumer).follows;
    this.#hopCost = nodeHopCost(model, hardware);
    this.#restCost = restCost(model, hardware);
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
  ): Predicted {
    const { placement, replicas } = plan;
    const { layers, topology } = placement;
    // Where shares can follow each scenario, they will.
    const followed = scenarios.length > 0 && this.#follows;
    const layerCosts = followed
      ? overMean(layerMaximaOver(placement, replicas, scenarios), gpuCount(topology))
      : layerMaxima(plan, load);
    const experts = sumOf(layerCosts);
    const serving = Math.max(1, gpusInService(placement).length);
    const level = gpuCount(topology) / serving;
    const balance = experts === 0 ? 1 : level / experts;
    // Where nothing is known of tokens, no placement spares any of the hops of experts that are anywhere.
    const unknown = () => new Float64Array(layers).fill(scatteredHops(this.#model.topk, topology));
    const hops = sample === null ? unknown() : layerNodeHops(placement, replicas, sample);
    for (const [layer, count] of hops.entries()) layerCosts[layer] += (this.#hopCost * count) / layers;
    const nodeHops = sumOf(hops) / layers;
    const exchange = this.#hopCost * nodeHops;
    return {
      balancedness: balance,
      nodeHops: sample === null ? 0 : nodeHops,
      cost: this.#restCost + level / balance + exchange,
      exchange,
      placed: level / balance + (sample === null ? 0 : exchange),
      lasting: this.#restCost + level + exchange,
      layerCosts,
    };
  }

  balancednessOf({ placement, shares }: Plan, load: ExpertLoad): number {
    const loads = gpuLoads(placement, shares.values, load);
    return balancedness(loads, gpuCount(placement.topology), gpusInService(placement).length);
  }
}

/** `[layers]`: of maxima added up over loads the mean, in what each GPU would have of a load in equal parts. */
function overMean({ maxima, loaded }: { maxima: Float64Array; loaded: number }, gpus: number): Float64Array {
  return maxima.map((max) => (max * gpus) / Math.max(1, loaded));
}

/** `[layers]`: the maximum GPU load, in what each GPU would have of all layers' load in equal parts. */
function layerMaxima({ placement, shares }: Plan, load: ExpertLoad): Float64Array {
  const gpus = gpuCount(placement.topology);
  const loads = gpuLoads(placement, shares.values, load);
  const even = sumOf(loads) / gpus;
  return Float64Array.from({ length: placement.layers }, (_, layer) => {
    const max = loads.subarray(layer * gpus, (layer + 1) * gpus).reduce((a, b) => Math.max(a, b), 0);
    return even === 0 ? 0 : max / even;
  });
}

/** Node hops of a token whose experts are on any nodes, one as likely as another, as its source is. */
function scatteredHops(topk: number, { nodes }: Topology): number {
  return (nodes - 1) * (1 - (1 - 1 / nodes) ** topk);
}

/** From the one prediction to the other, for a person. */
export function changeText(before: Prediction, after: Prediction): string {
  const balance = `forecast balancedness ${before.balancedness.toFixed(3)} → ${after.balancedness.toFixed(3)}`;
  if (before.nodeHops === 0) return balance;
  return `${balance}, node hops ${before.nodeHops.toFixed(2)} → ${after.nodeHops.toFixed(2)}`;
}
