import { InputError } from "../lib/errors.ts";
import { binaryHint, binaryKind } from "./binary-kind.ts";

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

/** What a text is made into takes some 30 times its bytes. */
const MOST_TEXT_BYTES = 256 << 20;
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Reads UTF-8 text of up to 256 MiB; a byte order mark is dropped. */
export function decodeText(bytes: Uint8Array, source: string): string {
  if (bytes.length > MOST_TEXT_BYTES)
    throw new InputError(
      source,
      "",
      `has ${bytes.length} bytes of text, more than ${MOST_TEXT_BYTES}; give a smaller file`,
    );
  const kind = binaryKind(bytes);
  if (kind !== null) throw new InputError(source, "", `is no text but ${binaryHint(kind)}`);
  try {
    return UTF_8.decode(bytes);
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
  const value = parseJson(text, source, where);
  if (!isObject(value)) throw new InputError(source, where, "is not a JSON object; expected {…}");
  return value;
}

function parseJson(text: string, source: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(quoteNonFinite(text));
    } catch (error) {
      throw new InputError(source, where, `is not JSON (${(error as Error).message}); is the file whole?`);
    }
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws InputError naming the field that breaks the rule */
export function readNumber(value: unknown, rule: NumberRule, source: string, field: string): number {
  if (rule.holds(value)) return value as number;
  throw new InputError(source, field, `is ${shown(value)}; expected ${rule.expected}`);
}

/** @throws InputError unless it is one of the words */
export function readWord<W extends string>(
  value: unknown,
  words: readonly W[],
  source: string,
  field: string,
): W {
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  throw new InputError(source, field, `is ${shown(value)}; expected ${words.join(", ")}`);
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
  return readRows(value, rule, source, (row) => `${field}[${row}]`);
}

/**
 * Reads lists of numbers that must be of one length. Every number is seen to be there before room is made for them:
 * one long row among many empty ones costs nothing.
 * @param rows    at least one
 * @param fieldOf what messages call a row
 */
export function readRows(
  rows: readonly unknown[],
  rule: NumberRule,
  source: string,
  fieldOf: (row: number) => string,
): Matrix {
  const columns = Array.isArray(rows[0]) ? rows[0].length : 0;
  for (const [index, row] of rows.entries()) {
    if (!Array.isArray(row) || row.length === 0) {
      throw new InputError(source, fieldOf(index), `is ${shown(row)}; expected a list of numbers`);
    }
    if (row.length !== columns) {
      const hint = `has ${row.length} entries; expected ${columns} as in ${fieldOf(0)}`;
      throw new InputError(source, fieldOf(index), hint);
    }
  }
  const values = new Float64Array(rows.length * columns);
  let at = 0;
  for (const [index, row] of rows.entries()) {
    for (const [column, cell] of (row as readonly unknown[]).entries()) {
      if (!rule.holds(cell)) readNumber(cell, rule, source, `${fieldOf(index)}[${column}]`);
      values[at++] = cell as number;
    }
  }
  return { rows: rows.length, columns, values };
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

/** A value as a message shows it: short, and not what lies inside it, which may be deep. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `a list of ${value.length}`;
  if (isObject(value)) return "an object";
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(typeof value === "string" ? value.slice(0, 40) : value);
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
}
