import Table from "cli-table3";
import { decimals, milliseconds } from "../../lib/number-text.ts";
import { sayLayout } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { SearchResult } from "../../planner/search.ts";
import type { PlanFlags } from "./plan-flags.ts";
import { type Row, answerRows, offRows, startRows, triedRows, triedTitle } from "./plan-words.ts";

const FRONT_ROWS = 8;

/** A plan for a terminal. @param files what was written, in a line; null where nothing was */
export function planText(plan: Plan, problem: PlanProblem, flags: PlanFlags, files: string | null): string {
  const starts = startRows(plan, problem).map(({ role, rows }) => `${role}\n${plain(rows)}`);
  const unwritten = `--out ${flags.model}-plan writes a page, a scenario, a configuration and requests to check it with`;
  return [
    plain(answerRows(plan, problem)),
    `How sure it is: GPUs if the model is off\n${plain(offRows(plan))}`,
    `Tokens/s per user and per GPU, by arithmetic (* keeps the target)\n${plain(frontRows(plan))}`,
    `${triedTitle(plan)}\n${plain(triedRows(plan))}`,
    starts.join("\n"),
    files ?? unwritten,
  ].join("\n\n");
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

/** Why there is no plan. */
export function noPlanText(
  { rated, tried, nearest }: SearchResult,
  { target, maxGpus }: PlanProblem,
): string {
  const asked = `TTFT p95 ${target.ttftMs} ms and ITL p95 ${target.itlMs} ms`;
  if (rated.length === 0 || nearest === null)
    return `no layout keeps ${asked} at any rate, by arithmetic; relax a target, or try another type of GPU or precision`;
  const { layout, trial } = nearest;
  const has = `TTFT p95 ${milliseconds(trial.ttftP95Ms)} ms and ITL p95 ${milliseconds(trial.itlP95Ms)} ms at ${trial.rate.toPrecision(3)} requests/s a unit`;
  const run =
    tried.length === 0
      ? "by arithmetic no layout carries it"
      : `the twin refutes the ${tried.length} layouts that it ran`;
  const but = trial.keeps ? ", but no longer at a fifth more, which is kept in hand" : "";
  return `no plan within --max-gpus ${maxGpus} keeps ${asked}: ${run}; the best by arithmetic (${sayLayout(layout)}) has ${has}${but}; raise the budget, or relax a target`;
}
