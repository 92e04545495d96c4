import { InputError } from "../../lib/errors.ts";
import type { ReplayReport } from "./report.ts";

type Comparison = "<" | "<=" | ">" | ">=" | "==";

/** Something that a run must hold, as k6 has them: `p95_ttft_ms<200`. */
export interface Threshold {
  readonly text: string;
  /** A key of the report whose value is a number; keys inside another are behind a dot. */
  readonly key: string;
  readonly comparison: Comparison;
  readonly bound: number;
}

export interface CheckedThreshold {
  readonly threshold: string;
  /** Null where nothing was measured, which holds nothing. */
  readonly value: number | null;
  readonly met: boolean;
}

const FORM = /^\s*([\w.]+)\s*(<=|>=|==|<|>)\s*([^\s%]+)(%?)\s*$/;

/** Short words for keys of the report. */
const WORDS: Readonly<Record<string, string>> = { goodput: "request_goodput", good_rate: "goodput_rate" };

const GOODPUTS: ReadonlySet<string> = new Set(["request_goodput", "goodput_rate"]);

const HOLDS: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
  "==": (value, bound) => value === bound,
};

/** Counts by names that only a run shows: what it does not show is 0. */
const COUNTS = /^(failures|finish_reasons)\./;

/**
 * @param empty  a report of a run of nothing: its keys are those there are
 * @param source where it is written
 * @throws InputError where it has another form, or names no number of the report
 */
export function readThreshold(text: string, empty: ReplayReport, source = "--threshold"): Threshold {
  const [, word, comparison, number, percent] = FORM.exec(text) ?? [];
  const bound = Number(number) / (percent === "%" ? 100 : 1);
  if (word === undefined || Number.isNaN(bound))
    throw new InputError(source, text, "is no comparison; expected one like p95_ttft_ms<200");
  const key = Object.hasOwn(WORDS, word) ? WORDS[word] : word;
  const value = COUNTS.test(key) ? 0 : valueAt(empty, key);
  if (value === undefined || (value !== null && typeof value !== "number"))
    throw new InputError(
      source,
      text,
      `names ${word}, which is no number of the report; expected one like p95_ttft_ms, failed_rate or goodput`,
    );
  if (GOODPUTS.has(key) && empty.goodput_targets_ms === null)
    throw new InputError(source, text, "needs targets; give --goodput too, as ttft:200 tpot:50");
  return { text, key, comparison: comparison as Comparison, bound };
}

export function checkThreshold(threshold: Threshold, report: ReplayReport): CheckedThreshold {
  return checkedThreshold(threshold, figureOf(threshold, report));
}

/** The figure that a threshold is about; null where nothing was measured. */
export function figureOf({ key }: Threshold, report: ReplayReport): number | null {
  const value = valueAt(report, key) ?? (COUNTS.test(key) ? 0 : null);
  return typeof value === "number" ? value : null;
}

export function checkedThreshold(
  { text, comparison, bound }: Threshold,
  value: number | null,
): CheckedThreshold {
  return { threshold: text, value, met: value !== null && HOLDS[comparison](value, bound) };
}

/** Keys may hold dots themselves (`p99.9_ttft_ms`). */
function valueAt(report: ReplayReport, key: string): unknown {
  if (Object.hasOwn(report, key)) return report[key];
  const dot = key.indexOf(".");
  const inside = dot < 0 ? undefined : report[key.slice(0, dot)];
  if (typeof inside !== "object" || inside === null) return undefined;
  return (inside as Record<string, unknown>)[key.slice(dot + 1)];
}
