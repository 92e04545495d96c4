import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { ExpertLoad } from "../../model/load.ts";
import { partOfModel } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type Placement, type ReplicaIndex, indexReplicas } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Shares } from "../../model/shares.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { type PoolCapacity, fullCapacity, outOfService } from "../../model/pool-capacity.ts";
import { readingPart } from "../cost/reading-part.ts";
import { type CountedPasses, KnownLoad } from "../load/known-load.ts";
import type { Moves } from "../migration/moves.ts";
import { usablePart } from "../placement/rehome-experts.ts";
import type { BalancePolicy } from "./balance-policy.ts";
import { mustChange, repaired, sameCapacity, serviceText } from "./capacity-change.ts";
import { PlacementComparer } from "./compare-placements.ts";
import { type Explanation, explainPlacements, explainShares } from "./explanation.ts";
import type { Consumer } from "./consumers/consumer.ts";
import { consumerOf } from "./consumers/consumers.ts";
import type { Decision, Survival } from "./decision.ts";
import type { Plan } from "./plan.ts";
import { Predictor, changeText } from "./prediction.ts";
import { PlacementProposer } from "./propose-placement.ts";
import { type Machine, UNKNOWN_MACHINE } from "./machine.ts";

/**
 * Decides, on the two time scales, what a pool should do next: follow the load with the shares, and with the
 * placement where that is worth its moves. Pure: time is an argument, and nothing changes until `accept`.
 */
export class Balancer {
  readonly #policy: BalancePolicy;
  readonly #consumer: Consumer;
  readonly #cadence: Cadence;
  readonly #load: KnownLoad;
  readonly #model: MoeModel;
  readonly #machine: Machine;
  readonly #noMoves: Moves;
  readonly #proposer: PlacementProposer;
  readonly #predictor: Predictor;
  readonly #comparer: PlacementComparer;
  #current: Plan;
  /** What the placement in force was weighed for. */
  #capacity: PoolCapacity;
  #nextShares: number;
  #nextPlacement: number;
  /** The load has changed since placements were last weighed. */
  #changed = false;

  /** @param startMs the time of the first decision's clock */
  constructor(
    model: MoeModel,
    topology: Topology,
    policy: BalancePolicy,
    cadence: Cadence,
    startMs: number,
    machine: Machine = UNKNOWN_MACHINE,
  ) {
    const layers = model.moeLayers.length;
    this.#policy = policy;
    this.#consumer = consumerOf(policy.consumer);
    this.#cadence = cadence;
    this.#load = new KnownLoad(model, cadence, this.#decides);
    this.#model = model;
    this.#machine = machine;
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
    this.#predictor = new Predictor(model, policy, machine.hardware);
    this.#comparer = new PlacementComparer(model, this.#predictor, machine, cadence.placementMs);
    this.#capacity = fullCapacity(topology);
    this.#current = this.#planFor(
      this.#proposer.anew({ mean: uniform, deviation: null, scenarios: [] }, null, this.#capacity),
      uniform,
    );
  }

  get current(): Plan {
    return this.#current;
  }

  get #decides(): boolean {
    return this.#policy.placement !== "contiguous";
  }

  /** The load expected next, tokens per second and expert: what placements are made for. */
  forecast(): ExpertLoad {
    return this.#load.forecast().mean;
  }

  /** As `KnownLoad.observe`. What never decides knows the load of late, which experts of lost GPUs are brought back by. */
  observe(load: ExpertLoad, spanMs: number, routing?: RoutingTrace | null, passes?: CountedPasses): void {
    if (this.#load.observe(load, spanMs, routing, passes)) this.#changed = true;
  }

  /** Begins with what another knew of the load, as `forecast` gave it. */
  learn(load: ExpertLoad): void {
    this.#load.learn(load);
  }

  /**
   * What to do now. Null while neither interval has passed and neither the load nor the capacity has changed, or nothing
   * was ever observed.
   * @param capacity which GPUs may hold how much; none of it on those that are lost or to be emptied
   */
  decide(nowMs: number, capacity: PoolCapacity = this.#capacity): Decision | null {
    if (!this.#decides || !this.#load.warm) return null;
    const early = this.#changed && this.#policy.replansEarly;
    const resized = !sameCapacity(capacity, this.#capacity);
    if (early || resized || nowMs >= this.#nextPlacement) {
      this.#changed = false;
      this.#nextPlacement = nowMs + this.#cadence.placementMs;
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      const decision = this.#decidePlacement(capacity, nowMs);
      const because = resized ? serviceText(capacity) : early ? "the load has changed" : null;
      return because === null ? decision : { ...decision, reason: `${because}: ${decision.reason}` };
    }
    if (nowMs >= this.#nextShares && this.#consumer.follows) {
      this.#nextShares = nowMs + this.#cadence.sharesMs;
      return this.#decideShares();
    }
    return null;
  }

  /** Weighs placements now, whatever the time and however little is known of the load. */
  replan(capacity: PoolCapacity): Decision {
    return this.#decidePlacement(capacity, null);
  }

  /** Shares for a placement that was not planned as a whole, by the load expected next. */
  reshare(placement: Placement): Plan {
    return this.#planFor(placement, this.#load.recentOrUniform);
  }

  /**
   * @param lost     GPUs whose slots hold nothing any more
   * @param capacity what may be placed where
   */
  survive(lost: readonly number[], capacity: PoolCapacity): Survival {
    const load = this.#load.recentOrUniform;
    const { placement } = this.#current;
    const left = usablePart(placement, outOfService(fullCapacity(placement.topology), lost));
    // GPUs that are to be emptied keep what they have until a placement is weighed.
    const repair = repaired(left, load, capacity);
    return {
      plan: this.#planFor(left, load),
      repair: repair === null ? null : this.#planFor(repair, load),
    };
  }

  /** The plan was carried out: it is the current one. */
  accept(plan: Plan): void {
    this.#current = plan;
  }

  /** @param nowMs null out of turn */
  #decidePlacement(capacity: PoolCapacity, nowMs: number | null): Decision {
    const { mean, deviation } = this.#load.forecast();
    const load = this.#load.warm ? mean : this.#load.recentOrUniform;
    // GPUs that must be left, or experts that are missing, are reason enough.
    const must = mustChange(this.#current.placement, capacity);
    this.#capacity = { slots: capacity.slots.slice(), speeds: capacity.speeds.slice() };
    const scenarios = this.#load.scenariosAround(load);
    const stay = this.#reshared(load);
    const [tokens, others] = this.#load.tokens;
    const expected = { mean: load, deviation, scenarios };
    const placements = this.#proposer.propose(stay.placement, expected, tokens, capacity);
    const planFor = (placement: Placement) => this.#planFor(placement, load);
    const compared = this.#comparer.compare(
      { stay, must, load, scenarios, sample: others, readingPart: this.#readingPart(), planFor, nowMs },
      placements,
    );
    const { before, best, enough } = compared;
    const { dispatch } = this.#consumer;
    const weighed = `${changeText(before, best.after)} by ${dispatch} dispatch for ${best.moves.slots} moved slots`;
    const take = enough || !this.#policy.weighsMoves;
    const verdict = take ? (must ? "must" : "taken") : "not worth its moves";
    const explanation = explainPlacements(dispatch, load, compared, verdict);
    if (!take)
      return this.#decideShares({ because: `placement kept: ${weighed} is not worth it`, explanation });
    return {
      kind: "placement",
      reason: `re-placed: ${weighed}`,
      kept: null,
      shares: null,
      plan: best.plan,
      moves: best.moves,
      explanation,
    };
  }

  /** @param weighed why there is no new placement, where that was the question */
  #decideShares(
    weighed: { readonly because: string; readonly explanation: Explanation } | null = null,
  ): Decision {
    const load = this.#load.recent;
    const plan = this.#reshared(load);
    const before = this.#predictor.balancednessOf(this.#current, load);
    const after = this.#predictor.balancednessOf(plan, load);
    const found = `forecast balancedness ${before.toFixed(3)} → ${after.toFixed(3)} by shares`;
    const reason = weighed === null ? found : `${weighed.because}; ${found}`;
    const kind = after / before - 1 >= this.#policy.leastShareGain ? "shares" : "keep";
    const verdict = kind === "shares" ? `shares alone reach ${after.toFixed(4)}` : "shares gain too little";
    const explanation = explainShares(this.#consumer.dispatch, load, before, after, verdict);
    return {
      kind,
      reason,
      plan: kind === "shares" ? plan : this.#current,
      moves: this.#noMoves,
      explanation: weighed?.explanation ?? explanation,
      kept: weighed?.because ?? null,
      shares: { reason: found, explanation },
    };
  }

  /** Where nobody counts steps, none of it. */
  #readingPart(): number {
    const { stepTokens } = this.#load;
    if (stepTokens === null) return 0;
    const { hardware, shape } = this.#machine;
    const { topology } = this.#current.placement;
    return readingPart(partOfModel(this.#model, shape), topology, hardware, stepTokens);
  }

  #planFor(placement: Placement, load: ExpertLoad): Plan {
    const replicas = indexReplicas(placement);
    return { placement, replicas, shares: this.#split(placement, replicas, load, null) };
  }

  /** The placement in force, its shares solved on from those in force. */
  #reshared(load: ExpertLoad): Plan {
    const { placement, replicas, shares } = this.#current;
    if (!this.#consumer.follows) return this.#current;
    return { placement, replicas, shares: this.#split(placement, replicas, load, shares.values) };
  }

  #split(
    placement: Placement,
    replicas: ReplicaIndex,
    load: ExpertLoad,
    last: ReadonlyNumbers | null,
  ): Shares {
    const speeds = new Float64Array(gpuCount(placement.topology)).fill(1);
    return this.#consumer.split({ placement, replicas, load, speeds, last });
  }
}
