import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { AnswerPool, PromptPool } from "./apart-pools.ts";
import { roomOf } from "./candidates.ts";
import { type Demand, EVEN_SPREAD } from "./demand.ts";
import { RUNNING } from "./engine-batching.ts";
import { findsByRate, freshPrompts } from "./fresh-prompts.ts";
import { type Layout, redundantExperts, unitTopology } from "./layout.ts";
import { MixedPool } from "./mixed-pool.ts";
import { known } from "./known.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { PoolCurve } from "./pool-curve.ts";
import type { OpenPoint, OpenPool, PoolDemand } from "./pool-steps.ts";
import { type StepTimes, stepTimesOf } from "./step-times.ts";
import { percentileOf } from "./time-parts.ts";

/** What arithmetic has to know of a problem. */
export type OpenAsked = Pick<
  PlanProblem,
  "model" | "precision" | "demand" | "engine" | "seed" | "skew" | "routed" | "target"
>;

/** What a pool does: both, with its answers or its prompts first; prompts alone; answers alone. */
type PoolWork = "answers-first" | "prompts-first" | "prompts" | "answers";

/** Units have pools in common, which are worked out once for a demand. */
const CURVES = new WeakMap<Demand, WeakMap<StepTimes, Map<string, PoolCurve>>>();

/** @param layout on the hardware that is asked for */
export function curveOf(layout: Layout, shape: Parallelism, asked: OpenAsked, work: PoolWork): PoolCurve {
  const { model, demand, target } = asked;
  const pool = {
    model,
    shape,
    topology: unitTopology(layout, shape, model.experts),
    hardware: layout.type.hardware,
    overlaps: layout.type.overlaps,
    levelled: redundantExperts(layout, model.experts) > 0,
  };
  const steps = stepTimesOf(pool, asked);
  const bySteps = known(CURVES, demand, () => new WeakMap<StepTimes, Map<string, PoolCurve>>());
  const byWork = known(bySteps, steps, () => new Map<string, PoolCurve>());
  const stepTokens = work === "answers" ? 0 : layout.stepTokens;
  return known(byWork, `${work} ${stepTokens} ${target.ttftPercentile} ${target.itlPercentile}`, () => {
    const room = roomOf(layout, shape, model);
    const { prompt, answer, promptSpread } = demand;
    const context = prompt + answer / 2;
    const poolAt = (rate: number) => {
      const prompts = freshPrompts(demand, rate / shape.dp);
      // What many sequences have alike is in the cache once.
      const own = room.tokensOf(context) * (1 - prompts.found / context);
      return poolOf(work, {
        steps,
        prompts,
        answer,
        context,
        contextSpread: (promptSpread * prompt ** 2 + EVEN_SPREAD * answer ** 2) / context ** 2,
        stepTokens,
        room: Math.min(RUNNING, room.capacityTokens / own),
        ttft: percentileOf(target.ttftPercentile),
        itl: percentileOf(target.itlPercentile),
      });
    };
    return new PoolCurve(findsByRate(demand) ? new FindingPool(poolAt, demand.rate) : poolAt(0));
  });
}

/** Until a rate, and what is found at it, agree. */
const ROUNDS = 3;

/** A pool that finds more of its prompts the more requests it gets. */
class FindingPool implements OpenPool {
  readonly #poolAt: (rate: number) => OpenPool;
  readonly #mostRate: number;

  constructor(poolAt: (rate: number) => OpenPool, mostRate: number) {
    this.#poolAt = poolAt;
    this.#mostRate = mostRate;
  }

  at(load: number): OpenPoint | null {
    let point = this.#poolAt(this.#mostRate).at(load);
    for (let round = 1; round < ROUNDS && point !== null; round++)
      point = this.#poolAt(Math.min(this.#mostRate, point.rate)).at(load);
    return point;
  }
}

function poolOf(work: PoolWork, demand: PoolDemand): OpenPool {
  switch (work) {
    case "answers-first":
      return new MixedPool(demand, false);
    case "prompts-first":
      return new MixedPool(demand, true);
    case "prompts":
      return new PromptPool(demand);
    case "answers":
      return new AnswerPool(demand);
  }
}
