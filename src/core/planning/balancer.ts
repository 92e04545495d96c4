import { Rng } from "../../lib/rng.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type MoeModel, moeLayers } from "../../model/moe-model.ts";
import { type Placement, type ReplicaIndex, indexReplicas } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { LoadForecaster } from "../load/load-forecaster.ts";
import { LoadTracker } from "../load/load-tracker.ts";
import { RoutingSample } from "../load/routing-sample.ts";
import { type Moves, countMoves, keepSlots } from "../migration/moves.ts";
import { contiguousPlacement } from "../placement/contiguous.ts";
import { eplb } from "../placement/eplb.ts";
import { evenShares } from "../shares/even-shares.ts";
import { balancedness, gpuLoads } from "../shares/gpu-loads.ts";
import { solveShares } from "../shares/solve-shares.ts";
import type { BalancePolicy } from "./balance-policy.ts";

/** What a dispatcher needs. */
export interface Plan {
  readonly placement: Placement;
  readonly replicas: ReplicaIndex;
  readonly shares: { readonly values: Float64Array; readonly prices: Float64Array };
}

export interface Decision {
  /** `keep`: leave everything as it is; `shares`: publish the plan; `placement`: prepare, then publish it. */
  readonly kind: "keep" | "shares" | "placement";
  /** One sentence for a person: what was weighed and what came of it. */
  readonly reason: string;
  readonly plan: Plan;
  readonly moves: Moves;
}

/**
 * Decides, on the two time scales, what a pool should do next: follow the load with the shares, and with the
 * placement where that is worth its moves. Pure: time is an argument, and nothing changes until `accept`.
 */
export class Balancer {
  readonly #model: MoeModel;
  readonly #policy: BalancePolicy;
  readonly #topology: Topology;
  readonly #cadence: Cadence;
  readonly #recent: LoadTracker;
  readonly #steady: LoadForecaster;
  readonly #sample: RoutingSample;
  readonly #noMoves: Moves;
  #current: Plan;
  #nextShares: number;
  #nextPlacement: number;
  /** The load has changed since placements were last weighed. */
  #changed = false;

  /** @param startMs the time of the first decision's clock */
  constructor(model: MoeModel, topology: Topology, policy: BalancePolicy, cadence: Cadence, startMs: number) {
    const layers = moeLayers(model);
    this.#model = model;
    this.#policy = policy;
    this.#topology = topology;
    this.#cadence = cadence;
    this.#recent = new LoadTracker(layers, model.experts, cadence.sharesMs);
    this.#steady = new LoadForecaster(layers, model.experts, cadence.placementMs);
    this.#sample = new RoutingSample(layers, model.topk, new Rng(1));
    this.#noMoves = { slots: 0, bytes: 0, received: new Int32Array(gpuCount(topology)) };
    this.#nextShares = startMs + cadence.sharesMs;
    this.#nextPlacement = startMs + cadence.placementMs;
    // Before anything is known every expert counts the same.
    const uniform = {
      layers,
      experts: model.experts,
      tokens: new Float64Array(layers * model.experts).fill(1),
    };
    this.#current = this.#planFor(this.#place(uniform), uniform);
  }

  get current(): Plan {
    return this.#current;
  }

  /** The load expected next, tokens per second and expert: what placements are made for. */
  forecast(): ExpertLoad {
    return this.#steady.forecast().mean;
  }

  /** @param routing some of the window's tokens, at all the model's layers; null where there are none to be had */
  observe(load: ExpertLoad, spanMs: number, routing: RoutingTrace | null = null): void {
    this.#recent.observe(load, spanMs);
    if (this.#steady.observe(load, spanMs)) this.#changed = true;
    if (routing !== null) this.#sample.add(routing);
  }

  /**
   * What to do now. Null while neither interval has passed and the load has not changed, or nothing was ever
   * observed.
   */
  decide(nowMs: number): Decision | null {
    if (!this.#policy.redundant || !this.#recent.warm) return null;
    const early = this.#changed && this.#policy.replansEarly;
    if (early || nowMs >= this.#nextPlacement) {
      this.#changed = false;
      this.#nextPlacement = nowMs + this.#cadence.placementMs;
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      const decision = this.#decidePlacement();
      return early ? { ...decision, reason: `the load has changed: ${decision.reason}` } : decision;
    }
    if (nowMs >= this.#nextShares && this.#policy.shares === "solved") {
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      return this.#decideShares();
    }
    return null;
  }

  /** The plan was carried out: it is the current one. */
  accept(plan: Plan): void {
    this.#current = plan;
  }

  #decidePlacement(): Decision {
    const load = this.forecast();
    const stay = this.#planFor(this.#current.placement, load);
    const move = this.#planFor(keepSlots(this.#current.placement, this.#place(load)), load);
    const moves = countMoves(this.#model, this.#current.placement, move.placement);
    const before = this.#predict(stay, load);
    const after = this.#predict(move, load);
    const gain = after / before - 1;
    const weighed = `forecast balancedness ${before.toFixed(3)} → ${after.toFixed(3)} for ${moves.slots} moved slots`;
    if (gain < this.#policy.leastPlacementGain) {
      return this.#decideShares(`placement kept: ${weighed} is not worth it`);
    }
    return { kind: "placement", reason: `re-placed: ${weighed}`, plan: move, moves };
  }

  /** @param because why there is no new placement, where that was the question */
  #decideShares(because?: string): Decision {
    const load = this.#recent.forecast();
    const plan = this.#planFor(this.#current.placement, load);
    const before = this.#predict(this.#current, load);
    const after = this.#predict(plan, load);
    const found = `forecast balancedness ${before.toFixed(3)} → ${after.toFixed(3)} by shares`;
    const reason = because === undefined ? found : `${because}; ${found}`;
    const kind = after / before - 1 >= this.#policy.leastShareGain ? "shares" : "keep";
    return { kind, reason, plan: kind === "shares" ? plan : this.#current, moves: this.#noMoves };
  }

  #place(load: ExpertLoad): Placement {
    return this.#policy.redundant
      ? eplb(load, this.#topology, this.#model.groups)
      : contiguousPlacement(load.layers, load.experts, this.#topology);
  }

  #planFor(placement: Placement, load: ExpertLoad): Plan {
    const replicas = indexReplicas(placement);
    const shares =
      this.#policy.shares === "solved"
        ? solveShares(placement, replicas, load)
        : evenShares(placement, replicas);
    return { placement, replicas, shares };
  }

  #predict(plan: Plan, load: ExpertLoad): number {
    return balancedness(gpuLoads(plan.placement, plan.shares.values, load), gpuCount(this.#topology));
  }
}
