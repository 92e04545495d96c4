import { InputError } from "../../lib/errors.ts";
import { figureKey, meantText } from "./figure-names.ts";
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

const FORM = /^\s*([\w.:()]+)\s*(<=|>=|==|<|>)\s*([^\s%]+?)\s*(%|ms|s|)\s*$/;
/** Of bounds; times of the report are milliseconds. */
const UNITS_OF_TIME: ReadonlySet<string> = new Set(["ms", "s"]);
const OF_TIME = /_ms$/;

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
  const [, word, comparison, number, unit] = FORM.exec(text) ?? [];
  const bound = (Number(number) / (unit === "%" ? 100 : 1)) * (unit === "s" ? 1000 : 1);
  if (word === undefined || Number.isNaN(bound))
    throw new InputError(source, text, "is no comparison; expected one like p95_ttft_ms<200");
  const counts = COUNTS.test(word);
  const key = counts || valueAt(empty, word) !== undefined ? word : figureKey(word);
  const value = counts ? 0 : valueAt(empty, key);
  if (value === undefined || (value !== null && typeof value !== "number"))
    throw new InputError(
      source,
      text,
      `names ${word}, which is no number of the report; expected one like p95_ttft_ms, failed_rate or goodput${meantText(word, numbersOf(empty))}`,
    );
  if (UNITS_OF_TIME.has(unit) && !OF_TIME.test(key))
    throw new InputError(source, text, `is in ${unit}, and ${key} is no time; give the number alone`);
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

function numbersOf(empty: ReplayReport): string[] {
  return Object.entries(empty).flatMap(([key, value]) =>
    value === null || typeof value === "number" ? [key] : [],
  );
}

/** Keys may hold dots themselves (`p99.9_ttft_ms`). */
function valueAt(report: ReplayReport, key: string): unknown {
  if (Object.hasOwn(report, key)) return report[key];
  const dot = key.indexOf(".");
  const inside = dot < 0 ? undefined : report[key.slice(0, dot)];
  if (typeof inside !== "object" || inside === null) return undefined;
  return (inside as Record<string, unknown>)[key.slice(dot + 1)];
}
