import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { type PlanFlags, questionText } from "../../plans/plan-flags.ts";
import { barListHtml } from "../../report/html/bar-list.ts";
import { chartHtml } from "../../report/html/chart.ts";
import { documentHtml, panelHtml, section } from "../../report/html/document.ts";
import type { FigureTable } from "../../report/html/figure-table.ts";
import { loadBars, moneyBars, sureBars, timeBars } from "./plan-bars.ts";
import { frontChart, trafficChart } from "./plan-charts.ts";
import { type Row, answerRows, leadText, skewRows, startRows, triedRows, triedTitle } from "./plan-words.ts";
import { unitPictureHtml } from "./unit-picture.ts";

/** A plan as one HTML file that needs no network. */
export function planPage(plan: Plan, problem: PlanProblem, flags: PlanFlags): string {
  const [, ...answer] = answerRows(plan, problem);
  const money = moneyBars(plan, problem);
  const pictures = [
    unitPictureHtml(plan, problem),
    barListHtml(loadBars(plan, problem)),
    barListHtml(timeBars(plan, problem)),
    ...(money === null ? [] : [barListHtml(money)]),
    barListHtml(sureBars(plan, problem)),
    chartHtml(trafficChart(plan, problem)),
    chartHtml(frontChart(plan)),
  ];
  return documentHtml({
    title: "Plimsoll: a plan",
    heading: "A plan",
    lead: leadText(plan, problem),
    identity: [
      ["Question", questionText(problem, flags)],
      ["Seed", `${problem.seed}`],
    ],
    parts: [
      section("At a glance", [`<div class="charts glance">\n${pictures.join("\n")}\n</div>`]),
      section("The answer", [panelHtml(words("Answer", answer))]),
      ...(plan.skews.length === 0
        ? []
        : [
            section("How sure it is", [
              panelHtml(words("GPUs in this layout if experts are loaded", skewRows(plan))),
            ]),
          ]),
      section("How it was found", [panelHtml(words(triedTitle(plan), triedRows(plan)))]),
      section(
        "How engines are started",
        startRows(plan, problem).map(({ role, rows }) => panelHtml(words(role, rows))),
      ),
    ],
    footer:
      "Beside this page: <code>plan.json</code> has these figures, <code>scenario.yaml</code> is a unit for <code>simulate</code>, <code>plimsoll.yaml</code> a gateway's configuration, <code>kubernetes.yaml</code> all of it for a cluster.",
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
