import { sayLayout, sayShape, unitGpus } from "../planner/layout.ts";
import { foundPart } from "../planner/demand.ts";
import type { Plan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { apiCostOf } from "./api-cost.ts";
import type { PlanFlags } from "./plan-flags.ts";
import { startTexts } from "./starts/start-text.ts";

const SECONDS = 3600;
const MILLION = 1e6;

/** A plan as one JSON object. */
export function planReport(plan: Plan, problem: PlanProblem, flags: PlanFlags) {
  const { chosen, units, limit, perfect, front, off, search } = plan;
  const { layout } = chosen;
  const { demand, target, model, precision, spare, seed, maxGpus } = problem;
  const { prompt, answer } = demand;
  const cost = costOf(plan, problem);
  return {
    question: {
      model: model.name,
      precision,
      engine: problem.engine,
      gpus: problem.types.map(({ gpu }) => gpu.name),
      requestsPerSecond: plan.rate,
      promptTokens: prompt,
      answerTokens: answer,
      foundInCache: foundPart(demand),
      trace: flags.trace ?? null,
      users: flags.users ?? null,
      experts: expertsOf(problem, flags),
      ...target,
      maxGpus,
      budgetDollarsPerHour: problem.budget,
      spare,
      seed,
    },
    answer: {
      gpus: chosen.gpus,
      gpu: layout.type.gpu.name,
      units,
      gpusPerUnit: unitGpus(layout),
      prefill: layout.prefill === null ? null : shapeOf(layout.prefill),
      decode: shapeOf(layout.decode),
      redundantExperts: plan.redundantExperts,
      redundantSlots: layout.redundantSlots,
      stepTokens: layout.stepTokens,
      runningPerRank: plan.running,
      loadLine: {
        ...lineOf(plan, problem),
        use: plan.use,
        useWithoutSpare: plan.useWithoutSpare,
      },
      twin: chosen.trials,
      limit,
      cost,
      api: apiCostOf(plan, problem, cost?.dollarsPerHour ?? null),
      perfectSystem: { ...perfect, gpu: layout.type.gpu.name },
    },
    ifModelIsOff: off,
    ifTrafficIs: plan.traffic,
    ifExpertsAre: plan.skews,
    front: front.map((point) => ({ ...point, layout: sayLayout(point.layout) })),
    searched: {
      carryByArithmetic: search.rated.length,
      tried: search.tried.map(({ layout: one, open, line }) => ({
        layout: sayLayout(one),
        byArithmetic: open,
        line,
      })),
      unexplored: search.unexplored,
    },
    engines: startTexts(plan, problem),
  };
}

/** What a unit is loaded with at most; of users as many as wait or think, and as often as these ask. */
export function lineOf({ chosen, rate }: Plan, { demand }: PlanProblem) {
  const each = rate / demand.rate;
  return {
    requestsPerSecondPerUnit: chosen.line.rate * each,
    byArithmetic: chosen.open * each,
    usersPerUnit: demand.arrivals.kind === "users" ? chosen.line.rate : null,
  };
}

/** What says which experts tokens take. */
function expertsOf({ skew }: PlanProblem, { load, routing }: PlanFlags) {
  return {
    skew: load === undefined && routing === undefined ? skew : null,
    load: load ?? null,
    routing: routing ?? null,
  };
}

function shapeOf(shape: Parallelism) {
  const { tp, dp, ep, moeTp } = shape;
  return { words: sayShape(shape), tp, dp, ep, moeTp };
}

export interface PlanCost {
  readonly dollarsPerHour: number;
  /** Of prompt and answer tokens, idle time included; and where every unit were at its load line. */
  readonly perMillionTokens: number;
  readonly perMillionTokensAtLine: number;
  readonly perMillionAnswerTokens: number;
}

/** Null where nobody said what a GPU costs. */
export function costOf({ chosen, rate, use }: Plan, { demand }: PlanProblem): PlanCost | null {
  const { price } = chosen.layout.type;
  if (price === null) return null;
  const dollarsPerHour = price * chosen.gpus;
  const per = (tokens: number) => (dollarsPerHour * MILLION) / (SECONDS * rate * tokens);
  const perMillionTokens = per(demand.prompt + demand.answer);
  return {
    dollarsPerHour,
    perMillionTokens,
    perMillionTokensAtLine: perMillionTokens * use,
    perMillionAnswerTokens: per(demand.answer),
  };
}
