import { Rng } from "../lib/rng.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type Topology, gpuCount, slotCount } from "../model/topology.ts";
import { SyntheticRows } from "../twin/synthetic-rows.ts";
import type { PlanProblem } from "./plan-problem.ts";

/** How likely a token is to choose each expert, in some layers that stand for all: `[layers][experts]`, of a layer the sum is top-k. */
export type ExpertChances = readonly Float64Array[];

/** Evenly spread over the model. */
const LAYERS = 4;

/** As the twin's sources have them (`planRouting`). */
export function expertChances(
  model: MoeModel,
  { seed, skew, routed }: Pick<PlanProblem, "seed" | "skew" | "routed">,
): ExpertChances {
  const layers = model.moeLayers.length;
  const count = Math.min(LAYERS, layers);
  const some = Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * layers) / count));
  if (routed !== null)
    return some.map((layer) => tracedChances(routed, layer % routed.layers, model.experts));
  const rows = new SyntheticRows(model, seed, skew);
  return some.map((layer) => rows.chances(layer));
}

function tracedChances(
  { tokens, layers, topk, experts: chosen }: RoutingTrace,
  layer: number,
  experts: number,
): Float64Array {
  const chances = new Float64Array(experts);
  for (let token = 0; token < tokens; token++) {
    const from = (token * layers + layer) * topk;
    for (let at = from; at < from + topk; at++) if (chosen[at] >= 0) chances[chosen[at]] += 1 / tokens;
  }
  return chances;
}

/** What the GPUs of a layer have to do in a step: of each of the sampled layers, `[GPUs]`. */
export interface GpuLoads {
  /** Experts that are hit, and selections. */
  readonly active: Float64Array;
  readonly selections: Float64Array;
}

/** How a pool's experts are on its GPUs, and what a step of so many tokens asks of each. */
export class ExpertLoad {
  readonly #chances: ExpertChances;
  readonly #topology: Topology;
  /** Whether replicas follow the load, which then is level. */
  readonly #levelled: boolean;
  /** `[layers][GPUs]`: how far each is from its mean, in standard deviations. */
  readonly #deviations: readonly Float64Array[];

  /** @param levelled whether experts are placed by their load; else in their order, replicas from the first on */
  constructor(chances: ExpertChances, topology: Topology, levelled: boolean) {
    this.#chances = chances;
    this.#topology = topology;
    this.#levelled = levelled;
    const rng = new Rng(1, 31);
    this.#deviations = chances.map(() =>
      Float64Array.from({ length: gpuCount(topology) }, () => rng.normal()),
    );
  }

  /** @param tokens of all ranks */
  of(tokens: number): GpuLoads[] {
    return this.#chances.map((chances, layer) =>
      this.#levelled ? this.#level(chances, tokens) : this.#inOrder(chances, tokens, this.#deviations[layer]),
    );
  }

  #inOrder(chances: Float64Array, tokens: number, deviations: Float64Array): GpuLoads {
    const { slotsPerGpu } = this.#topology;
    const gpus = gpuCount(this.#topology);
    const active = new Float64Array(gpus);
    const selections = new Float64Array(gpus);
    const width = slotCount(this.#topology);
    const experts = chances.length;
    for (let gpu = 0; gpu < gpus; gpu++) {
      let [hits, hitVariance, load, variance] = [0, 0, 0, 0];
      for (let slot = gpu * slotsPerGpu; slot < (gpu + 1) * slotsPerGpu; slot++) {
        const expert = slot % experts;
        const replicas = Math.ceil((width - expert) / experts);
        const chance = chances[expert] / replicas;
        const hit = -Math.expm1(tokens * Math.log1p(-Math.min(chance, MOST_CHANCE)));
        hits += hit;
        hitVariance += hit * (1 - hit);
        load += tokens * chance;
        variance += tokens * chance * (1 - chance);
      }
      active[gpu] = within(hits + deviations[gpu] * Math.sqrt(hitVariance), slotsPerGpu);
      selections[gpu] = within(load + deviations[gpu] * Math.sqrt(variance), Number.POSITIVE_INFINITY);
    }
    return { active, selections };
  }

  /** All GPUs alike: every replica of an expert that is hit has some of its tokens. */
  #level(chances: Float64Array, tokens: number): GpuLoads {
    const gpus = gpuCount(this.#topology);
    const { slotsPerGpu } = this.#topology;
    let [hits, load] = [0, 0];
    for (const chance of chances) {
      hits += -Math.expm1(tokens * Math.log1p(-Math.min(chance, MOST_CHANCE)));
      load += tokens * chance;
    }
    const replicas = slotCount(this.#topology) / chances.length;
    return {
      active: Float64Array.of(Math.min(slotsPerGpu, load / gpus + 1, (hits * replicas) / gpus)),
      selections: Float64Array.of(load / gpus),
    };
  }
}

/** So that its logarithm is finite. */
const MOST_CHANCE = 1 - 1e-9;

function within(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}
