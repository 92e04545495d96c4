import { decimals, milliseconds, threeDigits } from "../../lib/number-text.ts";
import { ENGINE_NAMES, FITTED_ENGINES, type FittedEngine } from "../../model/fitted-engine.ts";
import { sayLayout, sayShape, unitGpus } from "../../planner/layout.ts";
import type { OffBy } from "../../planner/model-error.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { SearchResult } from "../../planner/search.ts";
import { mostGpus } from "../../planner/units-needed.ts";
import { limitText, poolsText, targetNames } from "../../plans/plan-terms.ts";
import { type BesidePlan, apiCostOf } from "../../plans/api-cost.ts";
import { type PlanCost, costOf, lineOf } from "../../plans/plan-report.ts";
import { startTexts } from "../../plans/starts/start-text.ts";

/** A word, and a text. */
export type Row = readonly [name: string, text: string];

export const OFF_NAMES = [
  "times shorter by the typical error",
  "times longer by the typical error",
  "times longer by the error of one in ten",
];

/** The answer in a sentence or three: how many GPUs, for how much, how sure. */
export function leadText(plan: Plan, problem: PlanProblem): string {
  const [[, answer]] = answerRows(plan, problem);
  const cost = costOf(plan, problem);
  const dollars = cost === null ? "" : `; $${decimals(cost.dollarsPerHour, 2)} an hour`;
  const [low, high] = plan.off.map(({ gpus, anyGpus }) => gpus ?? anyGpus);
  const budget = mostGpus(plan.chosen.layout.type, problem);
  const most = high === null ? `more than the ${budget} of the budget` : `${high}`;
  const range = low === high ? `still ${most}` : `from ${low ?? most} to ${most}`;
  return `${answer}${dollars}. Confirmed by the twin; where its model is off by as much as is usual: ${range}.`;
}

/** The answer for a person. */
export function answerRows(plan: Plan, problem: PlanProblem): Row[] {
  const { chosen, units, limit, perfect } = plan;
  const { layout, trials } = chosen;
  const { spare, target } = problem;
  const type = layout.type.gpu.name.toUpperCase();
  const worst = (of: (one: (typeof trials)[number]) => number | null) =>
    Math.max(...trials.map((one) => of(one) ?? 0));
  const { ttft, itl } = targetNames(target);
  const { prefill, decode } = layout;
  const pools = poolsText(prefill === null ? null : sayShape(prefill), sayShape(decode));
  const unit = `${units} unit${units === 1 ? "" : "s"} of ${unitGpus(layout)}${spare > 0 ? `, ${spare} of them to spare` : ""}`;
  const cost = costOf(plan, problem);
  return [
    ["answer", `${chosen.gpus} ${type}: ${unit}`],
    ["a unit", pools],
    ["redundant experts", `${plan.redundantExperts}`],
    ["limits of a rank", `${layout.stepTokens} tokens a step, ${plan.running} requests`],
    [
      "in the twin",
      `with ${spare} unit${spare === 1 ? "" : "s"} away: ${ttft} ${milliseconds(worst((one) => one.ttftMs))} of ${target.ttftMs} ms, ${itl} ${milliseconds(worst((one) => one.itlMs))} of ${target.itlMs} ms; ${decimals(100 * Math.min(...trials.map(({ attainment }) => attainment)), 1)} % of requests keep both (${trials.length} seeds, ${trials[0].requests} requests each)`,
    ],
    [
      "load line",
      `${lineText(plan, problem)}; ${decimals(100 * plan.use, 0)} % of it used, ${decimals(100 * plan.useWithoutSpare, 0)} % with the spare away: room for ${(1 / plan.use).toFixed(2)} and ${(1 / plan.useWithoutSpare).toFixed(2)} times the traffic`,
    ],
    ["what binds", limitText(limit)],
    [
      "perfect system",
      `${perfect.gpus} ${type}: at the maker's peaks ${decimals(perfect.compute, 1)} for products, ${decimals(perfect.caches, 1)} for reading caches, ${decimals(perfect.weights, 1)} for reading weights in time, ${decimals(perfect.memory, 1)} to hold them`,
    ],
    [
      "cost",
      cost === null
        ? "no price given (--price)"
        : `$${decimals(cost.dollarsPerHour, 2)} an hour; $${decimals(cost.perMillionTokens, 3)} per million tokens with idle time, $${decimals(cost.perMillionTokensAtLine, 3)} at the load line; $${decimals(cost.perMillionAnswerTokens, 2)} per million of answers`,
    ],
    ...apiRow(plan, problem, cost),
  ];
}

/** What the same traffic costs at an API, where somebody said its prices. */
function apiRow(plan: Plan, problem: PlanProblem, cost: PlanCost | null): Row[] {
  const api = apiCostOf(plan, problem, cost?.dollarsPerHour ?? null);
  if (api === null) return [];
  const { dollarsPerHour, perMillionTokens, cachedPart, beside } = api;
  const cached = cachedPart === 0 ? "" : `, ${decimals(100 * cachedPart, 0)} % of prompts cached`;
  const costs = `$${decimals(dollarsPerHour, 2)} an hour; $${decimals(perMillionTokens, 3)} per million tokens${cached}`;
  return [["at the API", beside === null ? costs : `${costs}; ${besideText(beside)}`]];
}

function besideText({ ratio, evenAtUse, carried }: BesidePlan): string {
  const plan =
    ratio > 1
      ? `${decimals(ratio, 2)} times that for the plan`
      : `${decimals(100 * ratio, 0)} % of that for the plan`;
  const even = carried
    ? `which is ${decimals(100 * evenAtUse, 0)} % of the load line`
    : "which these GPUs do not carry";
  return `${plan}; both cost the same at ${decimals(ratio, 2)} times the traffic, ${even}`;
}

export function lineText(plan: Plan, problem: PlanProblem): string {
  const { requestsPerSecondPerUnit: rate, usersPerUnit: users } = lineOf(plan, problem);
  const asks = `${threeDigits(rate)} requests/s a unit`;
  return users === null ? asks : `${users} users a unit, ${asks}`;
}

/** GPUs if the model is off. */
export function offRows({ off }: Plan): Row[] {
  return off.map((one, i) => [OFF_NAMES[i], offText(one)]);
}

/** GPUs if traffic is another. */
export function trafficRows({ traffic }: Plan): Row[] {
  return traffic.map(({ factor, gpus, affordable }) => [
    `× ${factor}`,
    affordable ? `${gpus}` : `${gpus}, which is above the budget`,
  ]);
}

/** GPUs if experts are loaded otherwise. */
export function skewRows({ skews }: Plan): Row[] {
  return skews.map(({ skew, line, gpus, affordable }) => [
    skew === 0 ? "evenly" : `with skew ${skew}`,
    line === null || gpus === null
      ? "none: it keeps the target at no load"
      : `${gpus}${affordable ? "" : ", which is above the budget"}: ${threeDigits(line)} a unit`,
  ]);
}

/** Layouts that the twin ran. */
export function triedRows({ search }: Plan): Row[] {
  return search.tried.map((one) => [sayLayout(one.layout), triedText(one)]);
}

/** How many layouts there were beside them. */
export function triedTitle({ search: { rated, unexplored } }: Plan): string {
  const left = unexplored > 0 ? ` (${unexplored} that might be cheaper were not run)` : "";
  return `Layouts that the twin ran, of ${rated.length} that carry something by arithmetic${left}`;
}

/** Whether an engine's start is shown: of the one that was asked for, else of all. */
export function isAsked(name: FittedEngine, { engine }: Pick<PlanProblem, "engine">): boolean {
  return engine === null || engine === name;
}

/** Flags by engine, of each of a unit's pools. */
export function startRows(
  plan: Plan,
  problem: PlanProblem,
): { readonly role: string; readonly rows: readonly Row[] }[] {
  const asked = FITTED_ENGINES.filter((name) => isAsked(name, problem));
  return startTexts(plan, problem).map(({ role, notes, ...texts }) => ({
    role,
    rows: asked.flatMap((name): Row[] => [
      [ENGINE_NAMES[name], texts[name]],
      ...notes[name].map((note): Row => ["", note]),
    ]),
  }));
}

function triedText({ line, open }: SearchResult["tried"][number]): string {
  const says = `arithmetic: ${threeDigits(open)}`;
  return line === null ? `no fewer GPUs (${says})` : `${threeDigits(line)} requests/s a unit (${says})`;
}

export function offText({ gpus, anyGpus, itl, ttft }: OffBy): string {
  const times = `TPOT × ${itl.toFixed(2)}, TTFT × ${ttft.toFixed(2)}`;
  if (gpus !== null) return `${gpus} (${times})`;
  return `${anyGpus === null ? "none within the budget" : `none in this layout, ${anyGpus} in another`} (${times})`;
}
