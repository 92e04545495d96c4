import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { KnownTrials } from "../../planner/known-trials.ts";
import { isPlan } from "../../planner/plan.ts";
import type { SearchProgress } from "../../planner/search.ts";
import { type Answered, answer, trialsKey } from "../../plans/answer.ts";
import { type PlanFlags, questionText } from "../../plans/plan-flags.ts";
import { readPlanProblem } from "../../plans/plan-inputs.ts";
import { QUESTION_KEYS, type QuestionKey, fieldOf } from "../../plans/question-keys.ts";
import { type Question, changed, flagsOf, readSettings } from "../../plans/read-question.ts";
import { reportOf } from "../../plans/reported.ts";
import { TrialThreads } from "../../plans/trial-threads.ts";
import { countOption, jsonOption, positiveOption } from "../options.ts";
import { output } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { openExperts } from "../simulation-inputs.ts";
import { stoppable } from "../stoppable.ts";
import { type PoolFlags, addPoolOptions, checkPoolFlags } from "./running-pool/pool-flags.ts";
import { type RightSizeFlags, rightSizePool } from "./running-pool/right-size.ts";
import { readPlanFile } from "./plan-file.ts";
import { writePlanFiles, writePlanJson } from "./plan-files.ts";
import { changesText, planText } from "./plan-text.ts";

const FAILURE = 1;
const INTERRUPTED = 130;
const MINUTE_MS = 60_000;

/** `plan`: fewest GPUs for a load under latency targets. */
export function planCommand(): Command {
  const command = new Command("plan").description(
    "Fewest GPUs for a rate, a trace or a number of users under latency targets; every answer is confirmed by the twin (docs/planning.md).",
  );
  for (const key of QUESTION_KEYS) command.addOption(optionOf(key));
  return addPoolOptions(command)
    .option(
      "--from <plan.json>",
      "what was asked there, but for what is given here; runs of the twin are kept",
    )
    .addOption(
      new Option(
        "--set <option=value>",
        "with --from: asked otherwise, and what that changes; repeatable",
      ).argParser((setting: string, before: readonly string[] | undefined) => [...(before ?? []), setting]),
    )
    .option(
      "--out <dir>",
      "folder for plan.html, plan.json, scenario.yaml, plimsoll.yaml, kubernetes.yaml, requests",
    )
    .addOption(
      positiveOption(
        "--minutes <n>",
        "ends with the best so far after so many (default: all layouts are weighed)",
      ),
    )
    .addOption(countOption("--threads <n>", "that run the twin (default: as many as cores, 8 at most)"))
    .addOption(jsonOption())
    .exitOverride()
    .action((flags: PlanCommandFlags & Question & Partial<PoolFlags>) => {
      checkPoolFlags(flags);
      return isOfPool(flags) ? rightSizePool(flags) : plan(flags);
    });
}

function isOfPool(flags: object): flags is RightSizeFlags {
  return "pool" in flags;
}

function optionOf(key: QuestionKey): Option {
  const usual = key.usual === undefined ? "" : ` (default: ${key.usual})`;
  return new Option(`--${key.name} <${key.value}>`, `${key.help}${usual}`).argParser((text) => {
    const value = key.read(text);
    if (value === undefined) throw new InvalidArgumentError(`Expected ${key.expected}.`);
    return value;
  });
}

/** Beside the question. */
interface PlanCommandFlags {
  readonly from?: string;
  readonly set?: readonly string[];
  readonly out?: string;
  readonly minutes?: number;
  readonly threads?: number;
  readonly json?: true;
}

async function plan({
  from,
  set,
  out: folder,
  minutes,
  threads: count,
  json,
  ...given
}: PlanCommandFlags & Question): Promise<void> {
  const out = output(json ?? false);
  const saved = from === undefined ? null : await readPlanFile(from);
  const question = withWholePaths(changed(changed(saved?.asked ?? {}, given), readSettings(set ?? [])));
  const flags = flagsOf(question);
  const inputs = await readPlanProblem(flags, ({ routing = null, load = null }, model) =>
    openExperts({ routing, load }, model, flags.seed, out),
  );
  const key = trialsKey(inputs.problem);
  await using threads = new TrialThreads(inputs.problem, count);
  const trials = new KnownTrials(threads, saved?.runs.of === key ? saved.runs.known : []);
  await stoppable(async (interrupted) => {
    const late = minutes === undefined ? [] : [AbortSignal.timeout(minutes * MINUTE_MS)];
    const signal = AbortSignal.any([interrupted, ...late]);
    out.progress(questionText(inputs.problem, flags));
    const bar = new ProgressBar(process.stderr, 1);
    bar.begin("", 1);
    const watch = { signal, progress: ({ part }: SearchProgress) => bar.update(part) };
    signal.addEventListener("abort", () => void threads[Symbol.asyncDispose]());
    const answered = await answer(inputs, trials, watch, saved?.answer ?? null);
    bar.clear();
    const stopped = signal.aborted;
    const report = reportOf(answered, { question, saved, stopped });
    if (!isPlan(answered.result)) process.exitCode = FAILURE;
    if (interrupted.aborted) process.exitCode = INTERRUPTED;
    const whole = { ...report, runs: { of: key, known: trials.known } };
    const files = folder === undefined ? null : await writeFiles(folder, answered, flags, whole);
    out.result(report, reportText(report, answered, flags, files));
  });
}

function writeFiles(
  folder: string,
  { result, problem }: Answered,
  flags: PlanFlags,
  report: object,
): Promise<string> {
  return isPlan(result)
    ? writePlanFiles(folder, result, problem, flags, report)
    : writePlanJson(folder, report).then(() => `${folder}: plan.json`);
}

/** A plan's file may be read from elsewhere. */
function withWholePaths(question: Question): Question {
  const files = new Set(QUESTION_KEYS.filter(({ file }) => file === true).map(fieldOf));
  const whole = (field: string, value: string | number) =>
    files.has(field) || /\.ya?ml$/.test(String(value)) ? resolve(String(value)) : value;
  return Object.fromEntries(Object.entries(question).map(([field, value]) => [field, whole(field, value)]));
}

const STOPPED = "stopped: the best so far, not of all layouts (--from its plan.json goes on)";

function reportText(
  { stopped, compared, ...report }: ReturnType<typeof reportOf>,
  { result, problem }: Answered,
  flags: PlanFlags,
  files: string | null,
): string {
  if (!isPlan(result)) return "why" in report ? report.why : "";
  const parts = [
    stopped ? STOPPED : null,
    compared === null ? null : changesText(compared),
    planText(result, problem, flags, files),
  ];
  return parts.filter((part) => part !== null).join("\n\n");
}
