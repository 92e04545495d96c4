import { InputError } from "../lib/errors.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** What a number must be, and how a message puts it. */
export interface NumberRule {
  readonly holds: (value: unknown) => boolean;
  readonly expected: string;
}

/** Counts and weights; the limit keeps every sum of them finite. */
export const AMOUNT: NumberRule = {
  holds: (value) => typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER,
  expected: "a finite number ≥ 0 (and below 2^53)",
};

/** Sizes and ids. */
export function integerIn(least: number, most: number): NumberRule {
  return {
    holds: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
    expected: `an integer in ${least}..${most}`,
  };
}

/** The most any size or id can sensibly be: it fits the typed arrays that hold it. */
export const MOST = 2 ** 31 - 1;

/** Reads UTF-8 text; a byte order mark is dropped. */
export function decodeText(bytes: Uint8Array, source: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(source, "", "is not UTF-8 text; save it as UTF-8");
  }
}

/** Reads a file that holds one JSON object. */
export function readJsonObject(bytes: Uint8Array, source: string): JsonObject {
  return parseJsonObject(decodeText(bytes, source), source, "");
}

/** @param where the part of the file `text` is, for messages; "" for the whole */
export function parseJsonObject(text: string, source: string, where: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(quoteNonFinite(text));
  } catch (error) {
    const reason = (error as SyntaxError).message.replaceAll(/\s+/g, " ");
    throw new InputError(source, where, `is not JSON (${reason}); is the file whole?`);
  }
  if (!isObject(value)) throw new InputError(source, where, "is not a JSON object; expected {…}");
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws InputError naming the field that breaks the rule */
export function readNumber(value: unknown, rule: NumberRule, source: string, field: string): number {
  if (rule.holds(value)) return value as number;
  throw new InputError(source, field, `is ${shown(value)}; expected ${rule.expected}`);
}

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  /** `[rows][columns]`, row-major. */
  readonly values: Float64Array;
}

/**
 * Reads nested lists of equally long rows.
 * @throws InputError naming the first entry that breaks the rule, e.g. `logical_count[3][7]`
 */
export function readMatrix(value: unknown, rule: NumberRule, source: string, field: string): Matrix {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(source, field, `is ${shown(value)}; expected a list of rows, one per layer`);
  }
  const rows = value.length;
  const columns = Array.isArray(value[0]) ? value[0].length : 0;
  // Before there is memory for all of them: a long first row alone must not ask for as much in each.
  for (let row = 0; row < rows; row++)
    checkRow(value[row], columns, `${field}[0]`, source, `${field}[${row}]`);
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const cells = values.subarray(row * columns, (row + 1) * columns);
    readRow(value[row], rule, cells, `${field}[0]`, source, `${field}[${row}]`);
  }
  return { rows, columns, values };
}

/**
 * Reads a list of numbers into `row`, which it must fill.
 * @param model what sets the row's length, for messages
 */
export function readRow(
  value: unknown,
  rule: NumberRule,
  row: Float64Array,
  model: string,
  source: string,
  field: string,
): void {
  checkRow(value, row.length, model, source, field);
  for (let i = 0; i < row.length; i++) {
    const cell: unknown = value[i];
    if (!rule.holds(cell)) readNumber(cell, rule, source, `${field}[${i}]`);
    row[i] = cell as number;
  }
}

function checkRow(
  value: unknown,
  length: number,
  model: string,
  source: string,
  field: string,
): asserts value is readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(source, field, `is ${shown(value)}; expected a list of numbers`);
  }
  if (value.length !== length) {
    throw new InputError(source, field, `has ${value.length} entries; expected ${length} as in ${model}`);
  }
}

/** Row-major values as nested lists, for JSON. */
export function nest(values: ArrayLike<number>, columns: number): number[][] {
  const rows: number[][] = [];
  for (let start = 0; start < values.length; start += columns) {
    rows.push(Array.from({ length: columns }, (_, column) => values[start + column]));
  }
  return rows;
}

/** Python writes NaN and Infinity bare; quoted, they reach the reader that can name the field. */
function quoteNonFinite(text: string): string {
  return text.replaceAll(/-?(?:NaN|Infinity)/g, (word, at: number) =>
    BEFORE_VALUE.has(nextSign(text, at - 1, -1)) && AFTER_VALUE.has(nextSign(text, at + word.length, 1))
      ? `"${word}"`
      : word,
  );
}

const BEFORE_VALUE = new Set("[,:");
const AFTER_VALUE = new Set(",]}");
const WHITE_SPACE = new Set(" \t\r\n");

/** The first sign from there on that is no white space; "" where none is. */
function nextSign(text: string, from: number, step: 1 | -1): string {
  let at = from;
  while (WHITE_SPACE.has(text.charAt(at))) at += step;
  return text.charAt(at);
}

/** A value as a message shows it: short, on one line. */
function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
}
