import { InputError } from "../lib/errors.ts";
import { KnownTrials } from "../planner/known-trials.ts";
import { TrialsHere } from "../planner/trials-here.ts";
import type { Trial } from "../planner/trial.ts";
import type { TrialJob, Trials } from "../planner/trials.ts";
import { answer, trialsKey } from "./answer.ts";
import { readPlanProblem } from "./plan-inputs.ts";
import { QUESTION_KEYS, fieldOf } from "./question-keys.ts";
import { type Question, changed, flagsOf, readQuestion } from "./read-question.ts";
import { reportOf } from "./reported.ts";
import { readSavedPlan } from "./saved-plan.ts";

const SOURCE = "body";
/** After that nothing more is run: the answer is the best there is. */
const DEADLINE_MS = 10_000;
/** A budget of more takes a command of one's own. */
const MOST_GPUS = 1024;

/**
 * Answers the body of `POST /ep/v1/plan`: a question; or `from`, a plan as it was answered, with `set`, what is asked
 * otherwise. Files cannot be named.
 * @throws InputError
 */
export async function planBody(body: Uint8Array): Promise<object> {
  const { from, set, ...given } = parsed(body);
  const saved = from === undefined ? null : readSavedPlan(from, `${SOURCE} from`);
  const asked = changed(saved?.asked ?? {}, readQuestion(given, SOURCE));
  const question = changed(asked, set === undefined ? {} : readQuestion(set, `${SOURCE}: set`));
  checkStranger(question);
  const inputs = await asFields(() => readPlanProblem(flagsOf(question)));
  const { problem } = inputs;
  const stop = new AbortController();
  const key = trialsKey(problem);
  const here = new TrialsHere(problem);
  const trials = new KnownTrials(
    new TrialsUntil(here, performance.now() + DEADLINE_MS, stop),
    saved?.runs.of === key ? saved.runs.known : [],
  );
  const answered = await answer(
    inputs,
    trials,
    { signal: stop.signal, progress: () => undefined },
    saved?.answer ?? null,
  );
  const report = reportOf(answered, { question, saved, stopped: stop.signal.aborted });
  return { ...report, runs: { of: key, known: trials.known } };
}

function parsed(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new InputError(SOURCE, "", "is no JSON; expected a question: model, gpu, rate …");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError(SOURCE, "", "is no object; expected a question: model, gpu, rate …");
  return value as Readonly<Record<string, unknown>>;
}

/** What a stranger may not ask of this process: its files, and more than it has time for. */
function checkStranger(question: Question): void {
  for (const { name, file } of QUESTION_KEYS)
    if (file === true && question[fieldOf({ name })] !== undefined)
      throw new InputError(SOURCE, name, "names a file; expected a rate or users, or the command plan");
  for (const name of ["model", "gpu"])
    if (/[/\\]|\.ya?ml/.test(String(question[name])))
      throw new InputError(SOURCE, name, "names a file; expected a name of the catalogue");
  if (Number(question["maxGpus"] ?? 0) > MOST_GPUS)
    throw new InputError(SOURCE, "maxGpus", `is above ${MOST_GPUS}; expected less, or the command plan`);
}

/** What is said of options is said of fields. */
async function asFields<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(
      SOURCE,
      "",
      error.message.replaceAll(/--([a-z][a-z0-9-]*)/g, (_, name: string) => fieldOf({ name })),
    );
  }
}

/** Runs nothing more after a time. */
class TrialsUntil implements Trials {
  readonly #trials: Trials;
  readonly #endMs: number;
  readonly #stop: AbortController;

  constructor(trials: Trials, endMs: number, stop: AbortController) {
    this.#trials = trials;
    this.#endMs = endMs;
    this.#stop = stop;
  }

  run(job: TrialJob): Promise<Trial> {
    if (performance.now() > this.#endMs) this.#stop.abort();
    this.#stop.signal.throwIfAborted();
    return this.#trials.run(job);
  }

  expect(): void {}
}
