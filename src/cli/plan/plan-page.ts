import { decimals } from "../../lib/number-text.ts";
import { sayLayout } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { linearAxis, roundEnd, stepText } from "../../report/html/axis.ts";
import { type Chart, chartHtml } from "../../report/html/chart.ts";
import { documentHtml, panelHtml, section } from "../../report/html/document.ts";
import type { FigureTable } from "../../report/html/figure-table.ts";
import { type PlanFlags, questionText } from "../../plans/plan-flags.ts";
import {
  type Row,
  answerRows,
  offRows,
  skewRows,
  startRows,
  trafficRows,
  triedRows,
  triedTitle,
} from "./plan-words.ts";

const TICKS = 5;

/** A plan as one HTML file that needs no network. */
export function planPage(plan: Plan, problem: PlanProblem, flags: PlanFlags): string {
  const [[, lead], ...answer] = answerRows(plan, problem);
  return documentHtml({
    title: "Plimsoll: a plan",
    heading: "A plan",
    lead,
    identity: [
      ["Question", questionText(problem, flags)],
      ["Seed", `${problem.seed}`],
    ],
    parts: [
      section("The answer", [panelHtml(words("Answer", answer))]),
      section("How sure it is", [
        panelHtml(words("GPUs if the model is off", offRows(plan))),
        panelHtml(words("GPUs in this layout if traffic is", trafficRows(plan))),
        ...(plan.skews.length === 0
          ? []
          : [panelHtml(words("GPUs in this layout if experts are loaded", skewRows(plan)))]),
      ]),
      section("What users see, and what GPUs give", [
        `<div class="charts">\n${chartHtml(frontChart(plan))}\n</div>`,
      ]),
      section("How it was found", [panelHtml(words(triedTitle(plan), triedRows(plan)))]),
      section(
        "How engines are started",
        startRows(plan, problem).map(({ role, rows }) => panelHtml(words(role, rows))),
      ),
    ],
    footer:
      "Beside this page: <code>plan.json</code> has these figures, <code>scenario.yaml</code> is a unit for <code>simulate</code>, <code>plimsoll.yaml</code> a gateway's configuration.",
  });
}

/** Rows of words as a table. */
export function words(caption: string, rows: readonly Row[]): FigureTable {
  return {
    caption,
    columns: ["", ""],
    rows: rows.map(([header, text]) => ({ header, cells: [text] })),
    words: true,
  };
}

/** Of each load on the front: all of it, and what keeps the target. */
function frontChart({ front }: Plan): Chart {
  const most = (of: (point: Plan["front"][number]) => number) => roundEnd(Math.max(...front.map(of)), TICKS);
  const points = (some: Plan["front"]) => some.map(({ perUser, perGpu }) => [perUser, perGpu] as const);
  const kept = front.filter(({ keeps }) => keeps);
  return {
    title: "Tokens per second, per GPU over per user",
    unit: "by arithmetic; the full line keeps the target",
    xTitle: "tokens/s per user",
    x: linearAxis(
      0,
      most(({ perUser }) => perUser),
      TICKS,
      stepText,
    ),
    y: linearAxis(
      0,
      most(({ perGpu }) => perGpu),
      TICKS,
      stepText,
    ),
    lines: [
      { policy: "none", points: points(front) },
      { policy: "plimsoll", points: points(kept) },
    ],
    marks: [],
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
