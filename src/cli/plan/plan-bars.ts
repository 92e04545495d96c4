import { decimals, milliseconds } from "../../lib/number-text.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { Trial } from "../../planner/trial.ts";
import { mostGpus } from "../../planner/units-needed.ts";
import { apiCostOf } from "../../plans/api-cost.ts";
import { costOf } from "../../plans/plan-report.ts";
import type { Bar, BarList } from "../../report/html/bar-list.ts";
import { OFF_NAMES, lineText, offText } from "./plan-words.ts";

/** The twin still carried a fifth over a load line. */
const CARRIED = 1.2;
const PER_CENT = 100;

/** How much of the load line is used: the mark that ships have, which may not go under. */
export function loadBars(plan: Plan, problem: PlanProblem): BarList {
  const { units, use, useWithoutSpare } = plan;
  const { spare } = problem;
  const bar = (name: string, part: number, fill: Bar["fill"]): Bar => {
    return { name, text: `${decimals(PER_CENT * part, 0)} %`, part: part / CARRIED, fill };
  };
  const all = bar(spare === 0 ? `all ${units} units` : `with all ${units}`, use, "plimsoll");
  const away = spare === 0 ? [] : [bar(`${spare} away`, useWithoutSpare, "eplb")];
  const bars = [all, ...away];
  return {
    title: "Load now",
    unit: `room for ${useTimes(use)} times the traffic${spare === 0 ? "" : `, ${useTimes(useWithoutSpare)} with ${spare} away`}`,
    bars,
    line: { part: 1 / CARRIED, label: `load line: ${lineText(plan, problem)}` },
    says: `${bars.map(({ name, text }) => `${name}: ${text}`).join(", ")} of the load line.`,
    table: null,
  };
}

function useTimes(use: number): string {
  return (1 / use).toFixed(2);
}

/** What users wait for, beside the target, with what is to spare away. */
export function timeBars({ chosen }: Plan, { target, spare }: PlanProblem): BarList {
  const worst = (of: (one: Trial) => number | null) => Math.max(...chosen.trials.map((one) => of(one) ?? 0));
  const times = [
    {
      name: "first token",
      ms: worst(({ ttftMs }) => ttftMs),
      within: target.ttftMs,
      of: target.ttftPercentile,
    },
    {
      name: "between tokens",
      ms: worst(({ itlMs }) => itlMs),
      within: target.itlMs,
      of: target.itlPercentile,
    },
  ];
  const bars = times.map(({ name, ms, within, of }): Bar => {
    const text = `${milliseconds(ms)} of ${within} ms`;
    return { name: `${name}, p${of}`, text, part: ms / within / CARRIED, fill: "plimsoll" };
  });
  const kept = Math.min(...chosen.trials.map(({ attainment }) => attainment));
  return {
    title: "What users wait for",
    unit: `in the twin, with ${spare} unit${spare === 1 ? "" : "s"} away; ${decimals(PER_CENT * kept, 1)} % of requests keep both`,
    bars,
    line: { part: 1 / CARRIED, label: "the target" },
    says: `${bars.map(({ name, text }) => `${name}: ${text}`).join(", ")}.`,
    table: null,
  };
}

/** GPUs if the model is off: an interval, not a point. */
export function sureBars(plan: Plan, problem: PlanProblem): BarList {
  const { chosen, off } = plan;
  const budget = mostGpus(chosen.layout.type, problem);
  const known = off.map(({ gpus, anyGpus }) => gpus ?? anyGpus);
  const none = known.includes(null);
  const most = Math.max(chosen.gpus, ...known.map((gpus) => gpus ?? 0), none ? budget : 0);
  const width = none ? most * CARRIED : most;
  const bars = off.map(({ gpus, anyGpus }, i): Bar => {
    const count = gpus ?? anyGpus;
    const name = OFF_NAMES[i];
    return count === null
      ? { name, text: `over ${budget}`, part: 1, fill: "hatched" }
      : { name, text: `${count}`, part: count / width, fill: "none" };
  });
  const plain: Bar = {
    name: "as the model says",
    text: `${chosen.gpus}`,
    part: chosen.gpus / width,
    fill: "plimsoll",
  };
  const ordered = [bars[0], plain, ...bars.slice(1)];
  return {
    title: "GPUs if the model is off",
    unit: "by as much as it was off where engines were measured",
    bars: ordered,
    line: none ? { part: budget / width, label: `the budget: ${budget}` } : null,
    says: `${ordered.map(({ name, text }) => `${name}: ${text}`).join(", ")} GPUs.`,
    table: {
      caption: "GPUs if the model is off",
      columns: ["", "GPUs"],
      rows: off.map((one, i) => ({ header: OFF_NAMES[i], cells: [offText(one)] })),
      words: true,
    },
  };
}

/** Dollars per million tokens, beside an API; null where nobody said any. */
export function moneyBars(plan: Plan, problem: PlanProblem): BarList | null {
  const cost = costOf(plan, problem);
  const api = apiCostOf(plan, problem, cost?.dollarsPerHour ?? null);
  const prices = [
    ...(cost === null
      ? []
      : [
          { name: "with idle time", dollars: cost.perMillionTokens, fill: "plimsoll" as const },
          { name: "at the load line", dollars: cost.perMillionTokensAtLine, fill: "none" as const },
        ]),
    ...(api === null ? [] : [{ name: "at the API", dollars: api.perMillionTokens, fill: "eplb" as const }]),
  ];
  if (prices.length === 0) return null;
  const most = Math.max(...prices.map(({ dollars }) => dollars));
  const bars = prices.map(({ name, dollars, fill }) => {
    return { name, text: `$${decimals(dollars, 3)}`, part: dollars / most, fill };
  });
  const hourly = cost === null ? "" : `; the plan is $${decimals(cost.dollarsPerHour, 2)} an hour`;
  return {
    title: "Dollars per million tokens",
    unit: `of prompts and answers${hourly}`,
    bars,
    line: null,
    says: `${bars.map(({ name, text }) => `${name}: ${text}`).join(", ")} per million tokens.`,
    table: null,
  };
}
