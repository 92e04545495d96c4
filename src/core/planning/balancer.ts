import { Rng } from "../../lib/rng.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { type MoeModel, moeLayers } from "../../model/moe-model.ts";
import { type Placement, type ReplicaIndex, indexReplicas } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { type Topology, gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import { int32Copy } from "../../lib/readonly-arrays.ts";
import { type PoolCapacity, fullCapacity } from "../../model/pool-capacity.ts";
import { H800 } from "../cost/hardware.ts";
import { nodeHopCost } from "../cost/hop-cost.ts";
import { LoadForecaster } from "../load/load-forecaster.ts";
import { LoadTracker } from "../load/load-tracker.ts";
import { RecentParts } from "../load/recent-parts.ts";
import { RoutingSample } from "../load/routing-sample.ts";
import { type Moves, countMoves } from "../migration/moves.ts";
import { transferMs } from "../migration/transfer-time.ts";
import { expectedNodeHops } from "../placement/node-hops.ts";
import { rehomeExperts } from "../placement/rehome-experts.ts";
import { evenShares } from "../shares/even-shares.ts";
import { balancedness, gpuLoads } from "../shares/gpu-loads.ts";
import { balancednessOver } from "../shares/balancedness-over.ts";
import { solveShares } from "../shares/solve-shares.ts";
import type { BalancePolicy } from "./balance-policy.ts";
import { mustChange, sameCapacity, servedExperts, withoutGpus } from "./capacity-change.ts";
import { type Explanation, loadSummary } from "./explanation.ts";
import { PlacementProposer } from "./propose-placement.ts";

/** While weights travel, they take half of the links from the tokens. */
const TRAFFIC_LOST = 0.5;
/** A placement that saves less than this part of the time is noise, however few its moves. */
const LEAST_GAIN = 0.002;

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
  readonly explanation: Explanation;
  readonly plan: Plan;
  readonly moves: Moves;
}

/** What is left when ranks are lost. */
export interface Survival {
  /** What is in force without them: needs no weights moved, and may lack experts. */
  readonly plan: Plan;
  /** Brings the missing experts back, as far as there are slots, by the fewest moves; null where nothing can be. */
  readonly repair: Plan | null;
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
  readonly #parts: RecentParts;
  readonly #noMoves: Moves;
  readonly #proposer: PlacementProposer;
  readonly #hopCost: number;
  #current: Plan;
  /** What the placement in force was weighed for. */
  #capacity: PoolCapacity;
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
    this.#parts = new RecentParts(layers, model.experts, model.topk);
    this.#noMoves = { slots: 0, bytes: 0, received: new Int32Array(gpuCount(topology)) };
    this.#nextShares = startMs + cadence.sharesMs;
    this.#nextPlacement = startMs + cadence.placementMs;
    // Before anything is known every expert counts the same.
    const uniform = {
      layers,
      experts: model.experts,
      tokens: new Float64Array(layers * model.experts).fill(1),
    };
    this.#proposer = new PlacementProposer(model, topology, policy);
    this.#hopCost = nodeHopCost(model, H800);
    this.#capacity = fullCapacity(topology);
    this.#current = this.#planFor(
      this.#proposer.anew({ mean: uniform, deviation: null, scenarios: [] }, null, this.#capacity),
      uniform,
    );
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
    if (this.#steady.observe(load, spanMs)) {
      this.#changed = true;
      this.#parts.forget();
    }
    this.#parts.observe(load, spanMs);
    if (routing !== null) this.#sample.add(routing);
  }

  /** Begins with what another knew of the load: as if it had been so for one placement interval. */
  learn({ layers, experts, tokens }: ExpertLoad): void {
    const { placementMs } = this.#cadence;
    this.observe({ layers, experts, tokens: tokens.map((rate) => (rate * placementMs) / 1000) }, placementMs);
  }

  /**
   * What to do now. Null while neither interval has passed and neither the load nor the capacity has changed, or nothing
   * was ever observed.
   * @param capacity which GPUs may hold how much; none of it on those that are lost or to be emptied
   */
  decide(nowMs: number, capacity: PoolCapacity = this.#capacity): Decision | null {
    if (this.#policy.placement === "contiguous" || !this.#recent.warm) return null;
    const early = this.#changed && this.#policy.replansEarly;
    const resized = !sameCapacity(capacity, this.#capacity);
    if (early || resized || nowMs >= this.#nextPlacement) {
      this.#changed = false;
      this.#nextPlacement = nowMs + this.#cadence.placementMs;
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      const decision = this.#decidePlacement(capacity);
      const because = resized ? "other GPUs are in service" : early ? "the load has changed" : null;
      return because === null ? decision : { ...decision, reason: `${because}: ${decision.reason}` };
    }
    if (nowMs >= this.#nextShares && this.#policy.shares === "solved") {
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      return this.#decideShares();
    }
    return null;
  }

  /** Weighs placements now, whatever the time and however little is known of the load. */
  replan(capacity: PoolCapacity): Decision {
    return this.#decidePlacement(capacity);
  }

  /** Shares for a placement that was not planned as a whole, by the load expected next. */
  reshare(placement: Placement): Plan {
    return this.#planFor(placement, this.#expected());
  }

  /**
   * @param lost     GPUs whose slots hold nothing any more
   * @param capacity what may be placed where
   */
  survive(lost: readonly number[], capacity: PoolCapacity): Survival {
    const load = this.#expected();
    const { placement } = this.#current;
    const left = withoutGpus(placement, lost);
    const plan = this.#planFor(left, load);
    const repaired = rehomeExperts(left, load, capacity);
    // GPUs that are to be emptied keep what they have until a placement is weighed.
    const physicalToLogical = int32Copy(repaired.physicalToLogical);
    const width = slotCount(this.#topology);
    for (let i = 0; i < physicalToLogical.length; i++) {
      const gpu = gpuOfSlot(this.#topology, i % width);
      if (capacity.slots[gpu] === 0) physicalToLogical[i] = left.physicalToLogical[i];
    }
    const repair = { ...repaired, physicalToLogical };
    const mends = servedExperts(repair) > servedExperts(left);
    return { plan, repair: mends ? this.#planFor(repair, load) : null };
  }

  /** The plan was carried out: it is the current one. */
  accept(plan: Plan): void {
    this.#current = plan;
  }

  /** The load expected next; a uniform one before anything is known. */
  #expected(): ExpertLoad {
    const load = this.#recent.forecast();
    return this.#recent.warm ? load : { ...load, tokens: load.tokens.fill(1) };
  }

  #decidePlacement(capacity: PoolCapacity): Decision {
    const known = this.#steady.forecast();
    const load = this.#recent.warm ? known.mean : this.#expected();
    const forecast = { ...known, mean: load };
    // GPUs that must be left, or experts that are missing, are reason enough.
    const must = mustChange(this.#current.placement, capacity);
    this.#capacity = { slots: capacity.slots.slice(), speeds: capacity.speeds.slice() };
    const scenarios = this.#parts.around(load);
    const stay = this.#reshared(load);
    const before = this.#predict(stay, load, scenarios);
    const tokens = this.#sample.halves?.[0] ?? null;
    const weigh = (placement: Placement): Candidate => {
      const plan = this.#planFor(placement, load);
      const after = this.#predict(plan, load, scenarios);
      const moves = countMoves(this.#model, stay.placement, placement);
      const lost = (TRAFFIC_LOST * transferMs(this.#model, moves)) / this.#cadence.placementMs;
      const needed = Math.max(LEAST_GAIN, lost);
      const worth = moves.slots === 0 ? Number.NEGATIVE_INFINITY : before.cost / after.cost - 1 - needed;
      return { plan, after, moves, worth };
    };
    const candidates = this.#proposer
      .propose(stay.placement, { ...forecast, scenarios }, tokens, capacity)
      .map(weigh);
    const best = candidates.reduce((a, b) => (b.worth > a.worth ? b : a));
    const weighed = `${changeText(before, best.after)} for ${best.moves.slots} moved slots`;
    const take = must || best.worth >= 0 || !this.#policy.weighsMoves;
    const explanation: Explanation = {
      load: loadSummary(load),
      inForce: before,
      candidates: candidates.map(({ after, moves, worth }) => ({
        ...after,
        movedSlots: moves.slots,
        movedBytes: moves.bytes,
        transferMs: transferMs(this.#model, moves),
        worth: Number.isFinite(worth) ? worth : null,
      })),
      verdict: take ? (must ? "must" : "taken") : "not worth its moves",
    };
    if (!take)
      return this.#decideShares({ because: `placement kept: ${weighed} is not worth it`, explanation });
    return {
      kind: "placement",
      reason: `re-placed: ${weighed}`,
      plan: best.plan,
      moves: best.moves,
      explanation,
    };
  }

  /** @param weighed why there is no new placement, where that was the question */
  #decideShares(
    weighed: { readonly because: string; readonly explanation: Explanation } | null = null,
  ): Decision {
    const load = this.#recent.forecast();
    const plan = this.#reshared(load);
    const before = this.#balancednessOf(this.#current, load);
    const after = this.#balancednessOf(plan, load);
    const found = `forecast balancedness ${before.toFixed(3)} → ${after.toFixed(3)} by shares`;
    const reason = weighed === null ? found : `${weighed.because}; ${found}`;
    const kind = after / before - 1 >= this.#policy.leastShareGain ? "shares" : "keep";
    const explanation = weighed?.explanation ?? {
      load: loadSummary(load),
      inForce: { balancedness: before, nodeHops: null, cost: null },
      candidates: [],
      verdict: kind === "shares" ? `shares alone reach ${after.toFixed(4)}` : "shares gain too little",
    };
    return {
      kind,
      reason,
      plan: kind === "shares" ? plan : this.#current,
      moves: this.#noMoves,
      explanation,
    };
  }

  #planFor(placement: Placement, load: ExpertLoad): Plan {
    const replicas = indexReplicas(placement);
    const shares =
      this.#policy.shares === "solved"
        ? solveShares(placement, replicas, load)
        : evenShares(placement, replicas);
    return { placement, replicas, shares };
  }

  /** The placement in force, its shares solved on from those in force. */
  #reshared(load: ExpertLoad): Plan {
    const { placement, replicas, shares } = this.#current;
    if (this.#policy.shares !== "solved") return this.#current;
    return { placement, replicas, shares: solveShares(placement, replicas, load, undefined, shares.values) };
  }

  #predict(plan: Plan, load: ExpertLoad, scenarios: readonly ExpertLoad[]): Prediction {
    const balance = this.#balancednessAhead(plan, load, scenarios);
    const nodeHops = this.#nodeHopsOf(plan);
    return { balancedness: balance, nodeHops, cost: 1 / balance + this.#hopCost * nodeHops };
  }

  /** By tokens that no placement was made from; 0 where nothing is known of tokens. */
  #nodeHopsOf({ placement, replicas }: Plan): number {
    const sample = this.#sample.halves?.[1] ?? null;
    return sample === null ? 0 : expectedNodeHops(placement, replicas, sample);
  }

  /** Over the scenarios, where shares can follow each; else, or where there are none, for the load itself. */
  #balancednessAhead(plan: Plan, load: ExpertLoad, scenarios: readonly ExpertLoad[]): number {
    if (scenarios.length === 0 || this.#policy.shares !== "solved") return this.#balancednessOf(plan, load);
    return balancednessOver(plan.placement, plan.replicas, scenarios);
  }

  #balancednessOf(plan: Plan, load: ExpertLoad): number {
    return balancedness(gpuLoads(plan.placement, plan.shares.values, load), gpuCount(this.#topology));
  }
}

interface Candidate {
  readonly plan: Plan;
  readonly after: Prediction;
  readonly moves: Moves;
  /** Predicted gain less what its moves lose until placements come round again. */
  readonly worth: number;
}

interface Prediction {
  readonly balancedness: number;
  /** Per token and layer; 0 where nothing is known of tokens. */
  readonly nodeHops: number;
  /** Time of experts and exchange, in that of perfectly balanced experts. */
  readonly cost: number;
}

function changeText(before: Prediction, after: Prediction): string {
  const balance = `forecast balancedness ${before.balancedness.toFixed(3)} → ${after.balancedness.toFixed(3)}`;
  if (before.nodeHops === 0) return balance;
  return `${balance}, node hops ${before.nodeHops.toFixed(2)} → ${after.nodeHops.toFixed(2)}`;
}
