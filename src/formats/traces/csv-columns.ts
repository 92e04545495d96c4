import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { MOST_REQUEST_TOKENS } from "../../model/traffic.ts";

/** The columns of a CSV trace, by its first line. */
export class CsvColumns {
  readonly #source: string;
  readonly #separator: string;
  readonly #header: string;
  readonly #places: ReadonlyMap<string, number>;
  readonly #twice: ReadonlySet<string>;
  readonly #count: number;

  constructor(header: string, source: string) {
    this.#separator = separatorOf(header);
    const names = cellsOf(header, this.#separator).map(columnName);
    this.#source = source;
    this.#header = header.trim();
    this.#count = names.length;
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.#twice = new Set(names.filter((name, place) => this.#places.get(name) !== place));
  }

  /** @throws InputError where it is not there */
  place(name: string): number {
    const place = this.#places.get(columnName(name));
    if (this.#twice.has(columnName(name)))
      throw new InputError(this.#source, "line 1", `names the column ${name} twice; leave one of them`);
    if (place !== undefined) return place;
    throw new InputError(
      this.#source,
      "line 1",
      `has no column ${name}; its columns are ${oneLine(this.#header, 200)}`,
    );
  }

  /** −1 where it is not there. */
  placeIfAny(name: string): number {
    return this.#places.get(columnName(name)) ?? -1;
  }

  /** The cells of a row, without quotes around them. @throws InputError where they are not as many as columns */
  cells(row: string, where: string): readonly string[] {
    const cells = cellsOf(row, this.#separator);
    if (cells.length !== this.#count) {
      const hint = `has ${cells.length} fields; expected ${oneLine(this.#header, 200)}`;
      throw new InputError(this.#source, where, hint);
    }
    return cells;
  }
}

/** What stands between cells, by the first line: a comma, or what spreadsheets of other countries write. */
export function separatorOf(header: string): string {
  return [",", ";", "\t"].find((sign) => header.includes(sign)) ?? ",";
}

/** Cells without quotes around them, which may hold separators. A quote that does not end is part of its cell. */
export function cellsOf(row: string, separator: string): string[] {
  if (!row.includes('"')) return row.split(separator);
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const quoted = quotedCell(row, at, separator);
    const end = quoted === null ? row.indexOf(separator, at) : quoted.end;
    cells.push(quoted === null ? row.slice(at, end < 0 ? row.length : end) : quoted.text);
    if (end < 0 || end >= row.length) return cells;
    at = end + 1;
  }
}

/** The cell at a place, where it is in quotes up to its end; else null. A quote in it is written twice. */
function quotedCell(row: string, at: number, separator: string): { text: string; end: number } | null {
  const start = afterBlanks(row, at);
  if (row[start] !== '"') return null;
  let close = row.indexOf('"', start + 1);
  while (close >= 0 && row[close + 1] === '"') close = row.indexOf('"', close + 2);
  if (close < 0) return null;
  const end = afterBlanks(row, close + 1);
  if (end < row.length && row[end] !== separator) return null;
  return { text: row.slice(start + 1, close).replaceAll('""', '"'), end };
}

function afterBlanks(row: string, from: number): number {
  let at = from;
  while (row[at] === " ") at++;
  return at;
}

/** Names of columns are told apart by their letters, not by case, quotes or blanks around them. */
export function columnName(name: string): string {
  return unquoted(name.trim()).trim().toLowerCase();
}

function unquoted(cell: string): string {
  return /^"([^"]*)"$/.exec(cell)?.[1] ?? cell;
}

/** @throws InputError */
export function tokenCell(cell: string, source: string, field: string): number {
  // Tables that once lacked a value have whole numbers written as 374.0.
  if (/^\s*[1-9]\d{0,8}(?:\.0*)?\s*$/.test(cell) && Number(cell) <= MOST_REQUEST_TOKENS) return Number(cell);
  throw new InputError(
    source,
    field,
    `is '${oneLine(cell, 40)}'; expected tokens, in 1..${MOST_REQUEST_TOKENS}`,
  );
}
