import { InputError } from "../lib/errors.ts";
import {
  Unreadable,
  flag,
  list,
  nullOr,
  number,
  plainJson,
  record,
  text,
  whole,
  word,
} from "../lib/shape.ts";
import { type BindingLimit, FIRST_LIMITS, LIMITS } from "../planner/binding-limit.ts";
import type { KnownTrial } from "../planner/known-trials.ts";
import type { Trial } from "../planner/trial.ts";
import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { type Question, readQuestion } from "./read-question.ts";

export const PLAN_FORMAT = "plimsoll.plan/1";

const parallelism = record<Parallelism & { readonly words: string }>({
  words: text,
  tp: whole(1),
  dp: whole(1),
  ep: whole(1),
  moeTp: whole(1),
});

const trial = record<Trial>({
  rate: number(0),
  seed: number(),
  requests: number(0),
  keeps: flag,
  ttftMs: nullOr(number(0)),
  itlMs: nullOr(number(0)),
  tpotMs: nullOr(number(0)),
  e2eMs: nullOr(number(0)),
  attainment: number(0, 1),
  running: number(0),
  balancedness: nullOr(number(0)),
});

/** What of an answer is compared with another, and run again. */
export interface SavedAnswer {
  readonly gpus: number;
  readonly gpu: string;
  readonly units: number;
  readonly gpusPerUnit: number;
  readonly prefill: (Parallelism & { readonly words: string }) | null;
  readonly decode: Parallelism & { readonly words: string };
  readonly redundantExperts: number;
  readonly redundantSlots: number;
  readonly stepTokens: number;
  readonly loadLine: {
    readonly requestsPerSecondPerUnit: number;
    readonly use: number;
    readonly useWithoutSpare: number;
  };
  readonly twin: readonly Trial[];
  readonly limit: Pick<BindingLimit, "name" | "gain" | "first" | "queue">;
  readonly cost: { readonly dollarsPerHour: number; readonly perMillionTokens: number } | null;
}

const answer = record<SavedAnswer>({
  gpus: whole(1),
  gpu: text,
  units: whole(1),
  gpusPerUnit: whole(1),
  prefill: nullOr(parallelism),
  decode: parallelism,
  redundantExperts: whole(),
  redundantSlots: whole(),
  stepTokens: whole(1),
  loadLine: record<SavedAnswer["loadLine"]>({
    requestsPerSecondPerUnit: number(0),
    use: number(0),
    useWithoutSpare: number(0),
  }),
  twin: list(trial),
  limit: record<SavedAnswer["limit"]>({
    name: word(LIMITS),
    gain: number(),
    first: word(FIRST_LIMITS),
    queue: number(),
  }),
  cost: nullOr(
    record<NonNullable<SavedAnswer["cost"]>>({ dollarsPerHour: number(0), perMillionTokens: number(0) }),
  ),
});

/** A plan as it was written: what was asked, what was answered, and the runs of the twin that it stands on. */
export interface SavedPlan {
  readonly asked: Question;
  /** Null where there was no plan. */
  readonly answer: SavedAnswer | null;
  readonly runs: { readonly of: string; readonly known: readonly KnownTrial[] };
}

const saved = record<Omit<SavedPlan, "asked"> & { readonly format: string; readonly asked: unknown }>({
  format: text,
  asked: plainJson(),
  answer: nullOr(answer),
  runs: record<SavedPlan["runs"]>({ of: text, known: list(record<KnownTrial>({ job: text, trial })) }),
});

/**
 * @param source the file, for messages
 * @throws InputError
 */
export function readSavedPlan(value: unknown, source: string): SavedPlan {
  try {
    const { format, asked, ...rest } = saved(value, "");
    if (format === PLAN_FORMAT) return { ...rest, asked: readQuestion(asked, source) };
    throw new InputError(source, "format", `is ${JSON.stringify(format)}; expected ${PLAN_FORMAT}`);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new InputError(source, "", `is no plan: ${error.message}; expected the plan.json of a plan`);
  }
}

/** The part of a report that is compared. */
export function comparable(report: { readonly answer: object }): SavedAnswer {
  return answer(report.answer, "answer");
}
