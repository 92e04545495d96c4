import { Command, Option } from "commander";
import { InputError } from "../../lib/errors.ts";
import { SERVING_PRECISIONS } from "../../model/serving-precision.ts";
import { LoadLines } from "../../planner/load-line.ts";
import { type Plan, isPlan, makePlan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import type { SearchProgress, SearchResult } from "../../planner/search.ts";
import { SLO_PRESETS } from "../../planner/slo-presets.ts";
import { routingSources } from "../../twin/routing-sources.ts";
import { countOption, jsonOption, positiveOption } from "../options.ts";
import { type Output, output } from "../output.ts";
import { paced } from "../paced.ts";
import { writePlanFiles } from "./plan-files.ts";
import { type PlanFlags, questionText } from "./plan-flags.ts";
import { readPlanProblem } from "./plan-inputs.ts";
import { planReport } from "./plan-report.ts";
import { noPlanText, planText } from "./plan-text.ts";
import { ProgressBar } from "../progress-bar.ts";
import { stoppable } from "../stoppable.ts";
import { addPoolOptions, checkPoolFlags } from "./running-pool/pool-flags.ts";
import { type RightSizeFlags, rightSizePool } from "./running-pool/right-size.ts";

const FAILURE = 1;
const INTERRUPTED = 130;
/** Users wait for their answers, and so ask the more often the faster these are: rates are planned until they agree. */
const MOST_ROUNDS = 4;
const AGREES = 1.02;

/** `plan`: fewest GPUs for a load under latency targets. */
export function planCommand(): Command {
  const command = new Command("plan")
    .description(
      "Fewest GPUs for a rate, a trace or a number of users under latency targets; every answer is confirmed by the twin (docs/planning.md).",
    )
    .option("--model <name>", "a model of the catalogue, or a file")
    .option("--gpu <types>", "types of GPU, separated by commas: h200,b200")
    .addOption(
      new Option("--precision <format>", "what the model is served in (default: its own)").choices(
        SERVING_PRECISIONS,
      ),
    )
    .addOption(
      new Option("--slo <preset>", "lengths and targets of a kind of service").choices(
        Object.keys(SLO_PRESETS),
      ),
    )
    .addOption(positiveOption("--rate <n>", "requests per second, with lengths (--isl, --osl or --slo)"))
    .addOption(
      countOption("--isl <tokens>", "a prompt's, on average: drawn evenly from half to one and a half of it"),
    )
    .addOption(countOption("--osl <tokens>", "an answer's, likewise"))
    .option("--trace <file>", "whose busiest five minutes are planned for: Azure (CSV) or Mooncake (JSONL)")
    .addOption(countOption("--users <n>", "who each ask, wait for the answer, think and ask again"))
    .addOption(
      positiveOption("--think <seconds>", "between an answer and a user's next request (default: 30)"),
    )
    .addOption(positiveOption("--ttft-p95 <ms>", "95 % of first tokens come within this"))
    .addOption(positiveOption("--itl-p95 <ms>", "95 % of times between tokens are within this"))
    .addOption(countOption("--max-gpus <n>", "the budget").default(512))
    .addOption(
      new Option("--spare <n>", "units that may fail while the rest keeps the target")
        .choices(["0", "1", "2"])
        .default("1"),
    )
    .option("--price <type=dollars>", "of a GPU for an hour; several separated by commas: h200=3.5,b200=5")
    .option("--out <dir>", "folder for plan.html, plan.json, scenario.yaml, plimsoll.yaml, requests")
    .addOption(countOption("--seed <n>", "of the requests and the experts they take").default(1))
    .addOption(jsonOption())
    .exitOverride()
    .action((flags: PlanFlags | RightSizeFlags) => {
      checkPoolFlags(flags);
      return "pool" in flags ? rightSizePool(flags) : plan(withModel(flags));
    });
  return addPoolOptions(command);
}

/** A plan is of a model on types of GPU; a pool that runs may know its own. @throws InputError */
function withModel(flags: PlanFlags): PlanFlags {
  for (const name of ["model", "gpu"] as const)
    if (flags[name] === undefined)
      throw new InputError(`--${name}`, "", "is missing; expected one, or --pool with a running gateway");
  return flags;
}

async function plan(flags: PlanFlags): Promise<void> {
  const out = output(flags.json ?? false);
  const { problem, errors, users } = await readPlanProblem(flags);
  out.progress(questionText(problem, flags));
  const lines = new LoadLines(problem, routingSources(problem.model, problem.seed, null));
  try {
    await stoppable(async (signal) => {
      const bar = new ProgressBar(process.stderr, 1);
      bar.begin("", 1);
      const run = async (one: PlanProblem): Promise<Plan | SearchResult> => {
        const result = await paced(partsOf(makePlan(one, lines, errors)), (part) => bar.update(part), signal);
        bar.clear();
        return result;
      };
      let asked = problem;
      let result = await run(asked);
      for (let round = 1; round < MOST_ROUNDS; round++) {
        const rate = users === null || !isPlan(result) ? 0 : users.rateAt(answerSeconds(result));
        if (users === null || rate <= asked.demand.rate * AGREES) break;
        asked = { ...problem, demand: users.demandOf(rate) };
        result = await run(asked);
      }
      await say(result, asked, flags, out);
    });
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
    out.progress("stopped; nothing was written");
    process.exitCode = INTERRUPTED;
  }
}

async function say(
  result: Plan | SearchResult,
  problem: PlanProblem,
  flags: PlanFlags,
  out: Output,
): Promise<void> {
  if (!isPlan(result)) {
    process.exitCode = FAILURE;
    const why = noPlanText(result, problem);
    out.result({ plan: null, why }, why);
    return;
  }
  const report = planReport(result, problem, flags);
  const files =
    flags.out === undefined ? null : await writePlanFiles(flags.out, result, problem, flags, report);
  out.result(report, planText(result, problem, flags, files));
}

/** Of the faster of its runs. */
function answerSeconds({ chosen }: Plan): number {
  return Math.min(...chosen.trials.map(({ e2eMs }) => e2eMs ?? 0)) / 1000;
}

function* partsOf<T>(steps: Generator<SearchProgress, T>): Generator<number, T> {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    yield next.value.part;
  }
}
