import { decimals } from "../../lib/number-text.ts";
import { sayLayout } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { mostGpus } from "../../planner/units-needed.ts";
import { linearAxis, roundEnd, stepText } from "../../report/html/axis.ts";
import type { Chart } from "../../report/html/chart.ts";
import { trafficRows } from "./plan-words.ts";

const TICKS = 5;

/** GPUs of the plan's layout over the traffic. */
export function trafficChart(plan: Plan, problem: PlanProblem): Chart {
  const { chosen, traffic } = plan;
  const now = { factor: 1, gpus: chosen.gpus };
  const points = [...traffic, now].sort((a, b) => a.factor - b.factor);
  const most = roundEnd(Math.max(...points.map(({ gpus }) => gpus)), TICKS);
  const end = points[points.length - 1].factor;
  const budget = mostGpus(chosen.layout.type, problem);
  const limit = { policy: "none", points: [[0, budget] as const, [end, budget] as const] };
  const inside = budget <= most;
  return {
    title: "GPUs in this layout, if traffic is another",
    unit: inside ? `dotted: the budget of ${budget}` : "",
    xTitle: "times the traffic",
    x: linearAxis(end, TICKS, stepText),
    y: linearAxis(most, TICKS, stepText),
    lines: [
      ...(inside ? [limit] : []),
      { policy: "plimsoll", points: points.map(({ factor, gpus }) => [factor, gpus] as const) },
    ],
    marks: [{ x: 1, label: `now: ${chosen.gpus}` }],
    notches: [],
    says: `${points.map(({ factor, gpus }) => `${gpus} at ${factor} times the traffic`).join(", ")}.`,
    table: {
      caption: "GPUs in this layout if traffic is",
      columns: ["", "GPUs"],
      rows: trafficRows(plan).map(([header, text]) => ({ header, cells: [text] })),
      words: true,
    },
  };
}

/** Of each load on the front: all of it, and what keeps the target. */
export function frontChart({ front, chosen }: Plan): Chart {
  const most = (of: (point: Plan["front"][number]) => number) => roundEnd(Math.max(...front.map(of)), TICKS);
  const points = (some: Plan["front"]) => some.map(({ perUser, perGpu }) => [perUser, perGpu] as const);
  const kept = front.filter(({ keeps }) => keeps);
  const [{ tpotMs }] = chosen.trials;
  return {
    title: "Tokens per second, per GPU over per user",
    unit: "by arithmetic; the full line keeps the target",
    xTitle: "tokens/s per user",
    x: linearAxis(
      most(({ perUser }) => perUser),
      TICKS,
      stepText,
    ),
    y: linearAxis(
      most(({ perGpu }) => perGpu),
      TICKS,
      stepText,
    ),
    lines: [
      { policy: "none", points: points(front) },
      { policy: "plimsoll", points: points(kept) },
    ],
    marks: tpotMs === null ? [] : [{ x: 1000 / tpotMs, label: "this plan, in the twin" }],
    notches: [],
    says: `${front.length} loads, none of them better for users and GPUs at once; ${kept.length} keep the target.`,
    table: {
      caption: "Loads on the front",
      columns: ["Layout", "Tokens/s per user", "Tokens/s per GPU", "Requests/s a unit", "Keeps the target"],
      rows: front.map(({ layout, perUser, perGpu, rate, keeps }) => ({
        header: sayLayout(layout),
        cells: [decimals(perUser, 0), decimals(perGpu, 0), decimals(rate, 2), keeps ? "yes" : "no"],
      })),
    },
  };
}
