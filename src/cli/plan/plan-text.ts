import Table from "cli-table3";
import { decimals } from "../../lib/number-text.ts";
import { sayLayout } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { Compared } from "../../plans/reported.ts";
import type { PlanFlags } from "../../plans/plan-flags.ts";
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

const FRONT_ROWS = 8;

/** A plan for a terminal. @param files what was written, in a line; null where nothing was */
export function planText(plan: Plan, problem: PlanProblem, flags: PlanFlags, files: string | null): string {
  const starts = startRows(plan, problem).map(({ role, rows }) => `${role}\n${plain(rows)}`);
  const unwritten = `--out ${flags.model}-plan writes a page, a scenario, a configuration and requests to check it with`;
  return [
    plain(answerRows(plan, problem)),
    `How sure it is: GPUs if the model is off\n${plain(offRows(plan))}`,
    `GPUs in this layout if traffic is\n${plain(trafficRows(plan))}`,
    ...(plan.skews.length === 0
      ? []
      : [`GPUs in this layout if experts are loaded\n${plain(skewRows(plan))}`]),
    `Tokens/s per user and per GPU, by arithmetic (* keeps the target)\n${plain(frontRows(plan))}`,
    `${triedTitle(plan)}\n${plain(triedRows(plan))}`,
    starts.join("\n"),
    files ?? unwritten,
  ].join("\n\n");
}

/** What another question changed, and why. */
export function changesText({ changes, why }: Compared): string {
  const rows: Row[] = changes.map(({ name, before, after }) => [
    name,
    before === after ? before : `${before} → ${after}`,
  ]);
  return [`What changes\n${plain(rows)}`, ...why.map((sentence) => `  ${sentence}`)].join("\n");
}

function frontRows({ front }: Plan): Row[] {
  const every = Math.max(1, Math.ceil(front.length / FRONT_ROWS));
  const shown = front.filter((_, i) => i % every === 0 || i === front.length - 1);
  return shown.map(({ perUser, perGpu, layout, keeps }) => [
    `${decimals(perUser, 0)} per user, ${decimals(perGpu, 0)} per GPU${keeps ? " *" : ""}`,
    sayLayout(layout),
  ]);
}

/** Rows without a frame. */
export function plain(rows: readonly Row[]): string {
  const none = Object.fromEntries(
    [
      "top",
      "top-mid",
      "top-left",
      "top-right",
      "bottom",
      "bottom-mid",
      "bottom-left",
      "bottom-right",
      "left",
      "left-mid",
      "mid",
      "mid-mid",
      "right",
      "right-mid",
      "middle",
    ].map((edge) => [edge, ""]),
  );
  const table = new Table({
    chars: { ...none, left: "  ", middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  for (const [name, text] of rows) table.push([name, text]);
  return table.toString().replaceAll(/ +$/gm, "");
}
