import Table from "cli-table3";
import { decimals, milliseconds } from "../lib/number-text.ts";
import { sayLayout, sayShape, unitGpus } from "../planner/layout.ts";
import type { OffBy } from "../planner/model-error.ts";
import type { Plan } from "../planner/plan.ts";
import type { PlanProblem } from "../planner/plan-problem.ts";
import type { SearchResult } from "../planner/search.ts";
import type { PlanFlags } from "./plan-flags.ts";
import { costOf, engineStarts } from "./plan-report.ts";

const FRONT_ROWS = 8;
const OFF_NAMES = [
  "times shorter by the typical error",
  "times longer by the typical error",
  "times longer by the error of one in ten",
];

/** A plan for a person. @param files what was written, in a line; null where nothing was */
export function planText(plan: Plan, problem: PlanProblem, flags: PlanFlags, files: string | null): string {
  const { chosen, units, limit, perfect, search } = plan;
  const { layout, trials } = chosen;
  const { spare, target, demand } = problem;
  const type = layout.type.gpu.name.toUpperCase();
  const worst = (of: (one: (typeof trials)[number]) => number | null) =>
    Math.max(...trials.map((one) => of(one) ?? 0));
  const pools =
    layout.prefill === null
      ? `${sayShape(layout.decode)}, prompts and answers together`
      : `a pool for prompts (${sayShape(layout.prefill)}) beside one for answers (${sayShape(layout.decode)})`;
  const unit = `${units} unit${units === 1 ? "" : "s"} of ${unitGpus(layout)}${spare > 0 ? `, ${spare} of them to spare` : ""}`;
  const cost = costOf(plan, problem);
  const rows: [string, string][] = [
    ["answer", `${chosen.gpus} ${type}: ${unit}`],
    ["a unit", pools],
    ["redundant experts", redundantText(plan)],
    ["limits of a rank", `${layout.stepTokens} tokens a step, ${plan.running} requests`],
    [
      "in the twin",
      `with ${spare} unit${spare === 1 ? "" : "s"} away: TTFT p95 ${milliseconds(worst((one) => one.ttftP95Ms))} of ${target.ttftMs} ms, ITL p95 ${milliseconds(worst((one) => one.itlP95Ms))} of ${target.itlMs} ms; ${decimals(100 * Math.min(...trials.map(({ attainment }) => attainment)), 1)} % of requests keep both (${trials.length} seeds, ${trials[0].requests} requests each)`,
    ],
    [
      "load line",
      `${chosen.line.toPrecision(3)} requests/s a unit; ${decimals(100 * plan.use, 0)} % of it used, ${decimals(100 * plan.useWithoutSpare, 0)} % with the spare away`,
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
  ];
  const parts = [
    plain(rows),
    `How sure it is: GPUs if the model is off\n${plain(plan.off.map((one, i) => [OFF_NAMES[i], offText(one)]))}`,
    `Tokens/s per user and per GPU, by arithmetic (* keeps the target)\n${frontText(plan)}`,
    `Layouts that the twin ran, of ${search.rated.length} that carry something by arithmetic${search.unexplored > 0 ? ` (${search.unexplored} that might be cheaper were not run)` : ""}\n${plain(
      search.tried.map((one) => [sayLayout(one.layout), triedText(one)]),
    )}`,
    engineStarts(plan, problem)
      .map(
        ({ role, flags: words }) =>
          `${role}\n  vLLM          ${words.vllm}\n  SGLang        ${words.sglang}\n  TensorRT-LLM  ${words.trtllm}`,
      )
      .join("\n"),
  ];
  if (files !== null) parts.push(files);
  else
    parts.push(
      `${demand.rate.toPrecision(3)} requests/s; --out ${flags.model}-plan writes a scenario, a configuration and requests to check it with`,
    );
  return parts.join("\n\n");
}

function triedText({ line, open }: SearchResult["tried"][number]): string {
  const says = `arithmetic: ${open.toPrecision(3)}`;
  return line === null ? `no fewer GPUs (${says})` : `${line.toPrecision(3)} requests/s a unit (${says})`;
}

function redundantText({ redundantExperts: count, chosen, search: { redundancy } }: Plan): string {
  if (redundancy === null) return "0";
  if (count > 0) return `${count}`;
  if (redundancy.line === null) return "0: one more slot a GPU carries less than a tenth more";
  return `0: one more slot a GPU carries ${decimals(100 * (redundancy.line / chosen.line - 1), 0)} % more, which saves no unit`;
}

function limitText({ name, gain, first }: Plan["limit"]): string {
  const way =
    first === "room or time"
      ? "room or time for more"
      : `the time ${first === "first token" ? "to the first token" : "between tokens"}`;
  const what =
    name === "steps"
      ? "the fixed time of steps: twice of anything else is worth less than 2 %"
      : `${name}: twice of it would carry ${decimals(100 * gain, 0)} % more`;
  return `${way} gives way first; ${what}`;
}

function offText({ gpus, anyGpus, itl, ttft }: OffBy): string {
  const times = `TPOT × ${itl.toFixed(2)}, TTFT × ${ttft.toFixed(2)}`;
  if (gpus !== null) return `${gpus} (${times})`;
  return `${anyGpus === null ? "none within the budget" : `none in this layout, ${anyGpus} in another`} (${times})`;
}

function frontText({ front }: Plan): string {
  const every = Math.max(1, Math.ceil(front.length / FRONT_ROWS));
  const shown = front.filter((_, i) => i % every === 0 || i === front.length - 1);
  return plain(
    shown.map(({ perUser, perGpu, layout, keeps }) => [
      `${decimals(perUser, 0)} per user, ${decimals(perGpu, 0)} per GPU${keeps ? " *" : ""}`,
      sayLayout(layout),
    ]),
  );
}

function plain(rows: readonly (readonly [string, string])[]): string {
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
