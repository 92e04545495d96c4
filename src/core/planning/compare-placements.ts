import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { countMoves } from "../migration/moves.ts";
import { sameSlots } from "./capacity-change.ts";
import { Forgone } from "./forgone.ts";
import type { Machine } from "./machine.ts";
import { type LayerOption, mixLayers } from "./mix-layers.ts";
import type { Plan } from "./plan.ts";
import type { Predicted, Predictor } from "./prediction.ts";
import { MoveScale, type Weighed } from "./weigh-moves.ts";

/** What is in force, and what the placements that could follow it are weighed by. */
export interface Comparison {
  /** The placement in force, with shares that suit the load. */
  readonly stay: Plan;
  /** Whether that cannot stay: it uses slots that it may not, or lacks experts that there are slots for. */
  readonly must: boolean;
  readonly load: ExpertLoad;
  readonly scenarios: readonly ExpertLoad[];
  /** Tokens that no placement was made from; null where nothing is known of tokens. */
  readonly sample: RoutingTrace | null;
  /** Of the steps as they are, 0..1: `cost/reading-part.ts`. */
  readonly readingPart: number;
  readonly planFor: (placement: Placement) => Plan;
  /** Null for a comparison out of turn. */
  readonly nowMs: number | null;
}

/** What could follow, with what it would win and cost. */
export interface Candidate extends Weighed {
  readonly plan: Plan;
}

/** What was weighed, and the best of it. */
export interface Compared {
  readonly before: Predicted;
  readonly candidates: readonly Candidate[];
  readonly best: Candidate;
  /** Whether the best is worth its moves, or one of them has to be. */
  readonly enough: boolean;
}

/** Weighs what could follow a placement in force, and remembers what was not worth its moves but lasts. */
export class PlacementComparer {
  readonly #model: MoeModel;
  readonly #predictor: Pick<Predictor, "predict">;
  readonly #scale: MoveScale;
  readonly #forgone = new Forgone();

  constructor(model: MoeModel, predictor: Pick<Predictor, "predict">, machine: Machine, placementMs: number) {
    this.#model = model;
    this.#predictor = predictor;
    this.#scale = new MoveScale(model, machine, placementMs);
  }

  /** @param placements one at least; of several, what pays of each is one more */
  compare(comparison: Comparison, placements: readonly Placement[]): Compared {
    const { stay, must, load, scenarios, sample, readingPart, planFor, nowMs } = comparison;
    const predict = (plan: Plan) => this.#predictor.predict(plan, load, scenarios, sample);
    const before = predict(stay);
    const weigh = (placement: Placement): Candidate => {
      const plan = planFor(placement);
      const moves = countMoves(this.#model, stay.placement, placement);
      const weighed = this.#scale.weigh(before, predict(plan), moves, readingPart);
      const idle = must ? sameSlots(stay.placement, placement) : moves.slots === 0;
      return { plan, ...weighed, worth: idle ? Number.NEGATIVE_INFINITY : weighed.worth };
    };
    const whole = placements.map(weigh);
    const staying = must ? [] : [{ placement: stay.placement, costs: before.layerCosts }];
    const weighed = [...whole, ...this.#mixed(before, staying, stay.placement, whole).map(weigh)];
    const forgone = nowMs === null ? 0 : this.#forgone.by(nowMs);
    const candidates = this.#afterForgone(weighed, forgone, must);
    const best = bestOf(candidates);
    const enough = must ? Number.isFinite(best.worth) : best.worth >= 0;
    if (nowMs !== null) this.#forgone.goOn(mostLasting(candidates) - (enough ? best.lastingGain : 0));
    return { before, candidates, best, enough };
  }

  /** Of each layer what pays: between few moves and all of them there is as much as the load makes worth it. */
  #mixed(
    before: Predicted,
    staying: readonly LayerOption[],
    inForce: Placement,
    whole: readonly Candidate[],
  ): Placement[] {
    if (whole.length < 2) return [];
    const most = whole.reduce((a, b) => (b.moves.slots > a.moves.slots ? b : a));
    const options = whole.map(({ plan, after }) => ({ placement: plan.placement, costs: after.layerCosts }));
    return [mixLayers(inForce, [...staying, ...options], this.#scale.slotCost(before, most))];
  }

  /** What was forgone of a lasting gain speaks for those that have it, beside what would be taken without that. */
  #afterForgone(candidates: readonly Candidate[], forgone: number, must: boolean): readonly Candidate[] {
    if (forgone === 0) return candidates;
    const best = bestOf(candidates);
    const base = must || best.worth >= 0 ? best.lastingGain : 0;
    const most = mostLasting(candidates) - base;
    if (most <= 0) return candidates;
    return candidates.map((one) =>
      one.lastingGain <= base
        ? one
        : this.#scale.afterForgone(one, (forgone * (one.lastingGain - base)) / most),
    );
  }
}

function bestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((a, b) => (b.worth > a.worth ? b : a));
}

function mostLasting(candidates: readonly Candidate[]): number {
  return candidates.reduce((most, { lastingGain }) => Math.max(most, lastingGain), 0);
}
