import { InputError } from "../lib/errors.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const LONGEST_STEP = 24 * HOUR;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;
/** What browsers can show a date of. */
const LAST_MS = 8_640_000_000_000_000;

/** Milliseconds since 1970, `from` before `to`, and seconds. */
export interface HistoryQuestion {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export type Query = Readonly<Record<string, unknown>>;

/** @throws InputError */
export function questionOf({ from, to, step }: Query, nowMs: number): HistoryQuestion {
  const end = to === undefined ? nowMs : time("to", to);
  const begin = from === undefined ? Math.max(0, end - HOUR * 1000) : time("from", from);
  if (begin >= end)
    throw new InputError("query", "from", "is not before `to`; expected the earlier time in `from`");
  return { from: begin, to: end, step: step === undefined ? usualStep(end - begin) : seconds(step) };
}

/** @throws InputError */
export function time(field: string, value: unknown): number {
  const text = String(value);
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : ISO.test(text) ? Date.parse(text) : Number.NaN;
  if (ms >= 0 && ms <= LAST_MS) return ms;
  const expected = "milliseconds since 1970, or a time such as 2026-12-01T09:30:00Z";
  throw new InputError("query", field, `is ${JSON.stringify(value)}; expected ${expected}`);
}

/** As coarse as rows of a time so long ago can be. */
function usualStep(spanMs: number): number {
  const spanS = spanMs / 1000;
  return spanS <= 10 * MINUTE ? 1 : spanS <= HOUR ? 10 : MINUTE;
}

function seconds(value: unknown): number {
  const step = /^\d{1,5}$/.test(String(value)) ? Number(value) : 0;
  if (step === 1 || step === 10 || (step > 0 && step <= LONGEST_STEP && step % MINUTE === 0)) return step;
  const expected = `seconds: 1, 10, or a multiple of 60 up to ${LONGEST_STEP}`;
  throw new InputError("query", "step", `is ${JSON.stringify(value)}; expected ${expected}`);
}

/** The head of an answer that is saved as a file. */
export function csvHead(pool: string, from: number): Readonly<Record<string, string>> {
  const when = new Date(from).toISOString().replaceAll(":", "");
  const name = `plimsoll-${pool.replaceAll(/[^\w.-]/g, "_")}-${when}.csv`;
  return {
    "content-type": "text/csv; charset=utf-8; header=present",
    "content-disposition": `attachment; filename="${name}"`,
  };
}
