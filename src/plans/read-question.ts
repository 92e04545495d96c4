import { nearestWord } from "../lib/edit-distance.ts";
import { InputError } from "../lib/errors.ts";
import type { PlanFlags } from "./plan-flags.ts";
import { ONE_OF, QUESTION_KEYS, fieldOf } from "./question-keys.ts";

/** What was asked, by field: plain JSON. Fields that nobody gave are not there. */
export type Question = Readonly<Record<string, string | number>>;

/**
 * A question from JSON: of a body, or of a plan's file.
 * @param source where it comes from, for messages
 * @throws InputError
 */
export function readQuestion(value: unknown, source: string): Question {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InputError(source, "", "is no object; expected a question: model, gpu, rate …");
  const question: Record<string, string | number> = {};
  for (const [field, given] of Object.entries(value)) {
    const key = QUESTION_KEYS.find((one) => fieldOf(one) === field || one.name === field);
    if (key === undefined) throw new InputError(source, field, unknown(field, QUESTION_KEYS.map(fieldOf)));
    const read = key.read(given);
    if (read === undefined)
      throw new InputError(source, field, `is ${JSON.stringify(given)}; expected ${key.expected}`);
    question[fieldOf(key)] = read;
  }
  return question;
}

/** What is asked, with what is usual where nothing was given. */
export function flagsOf(question: Question): PlanFlags {
  const usual = QUESTION_KEYS.flatMap((key) => (key.usual === undefined ? [] : [[fieldOf(key), key.usual]]));
  return { ...Object.fromEntries(usual), ...question } as PlanFlags;
}

/** The question with other answers to some of it: a rate replaces a trace, a percentile another one. */
export function changed(question: Question, given: Question): Question {
  const now: Record<string, string | number> = { ...question };
  for (const field of Object.keys(given)) for (const other of replacedBy(field)) delete now[other];
  return { ...now, ...given };
}

function replacedBy(field: string): string[] {
  const others = ONE_OF.map((names) => names.map((name) => fieldOf({ name }))).find((fields) =>
    fields.includes(field),
  );
  const lengths = field === "trace" ? ["isl", "osl", "cached"] : [];
  const think = field === "rate" || field === "trace" ? ["think"] : [];
  return [...(others ?? []), ...lengths, ...think];
}

/**
 * Answers as `--set` has them: `traffic=2`, `redundant=64`, any option.
 * @throws InputError
 */
export function readSettings(settings: readonly string[]): Question {
  const question: Record<string, string | number> = {};
  for (const setting of settings) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    if (name === undefined) {
      const hint = `is ${JSON.stringify(setting)}; expected an option and its value: traffic=2`;
      throw new InputError("--set", "", hint);
    }
    const key = QUESTION_KEYS.find((one) => one.name === name.trim().replace(/^--/, ""));
    if (key === undefined)
      throw new InputError(
        "--set",
        name,
        unknown(
          name,
          QUESTION_KEYS.map((one) => one.name),
        ),
      );
    const read = key.read(value);
    if (read === undefined)
      throw new InputError("--set", key.name, `is ${JSON.stringify(value)}; expected ${key.expected}`);
    question[fieldOf(key)] = read;
  }
  return question;
}

function unknown(name: string, known: readonly string[]): string {
  const near = nearestWord(name, known);
  return `is not known; ${near === null ? `expected one of ${known.join(", ")}` : `did you mean ${near}?`}`;
}
