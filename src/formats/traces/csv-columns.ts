import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { MOST_REQUEST_TOKENS } from "../../model/traffic.ts";

/** The columns of a CSV trace, by its first line. */
export class CsvColumns {
  readonly #source: string;
  readonly #header: string;
  readonly #places: ReadonlyMap<string, number>;
  readonly #twice: ReadonlySet<string>;
  readonly #count: number;

  constructor(header: string, source: string) {
    const names = cellsOf(header).map(columnName);
    this.#source = source;
    this.#header = header.trim();
    this.#count = names.length;
    this.#places = new Map(names.map((name, place) => [name, place]));
    this.#twice = new Set(names.filter((name, place) => names.indexOf(name) < place));
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
    const cells = cellsOf(row);
    if (cells.length !== this.#count) {
      const hint = `has ${cells.length} fields; expected ${oneLine(this.#header, 200)}`;
      throw new InputError(this.#source, where, hint);
    }
    return cells;
  }
}

/** Cells without quotes around them, which may hold commas. A quote that does not end is part of its cell. */
function cellsOf(row: string): string[] {
  if (!row.includes('"')) return row.split(",");
  const cells: string[] = [];
  for (let from = 0; from <= row.length; from++) {
    CELL.lastIndex = from;
    const [whole, quoted, plain = ""] = CELL.exec(row) ?? [""];
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    from += whole.length;
  }
  return cells;
}

/** In quotes up to its comma, or as it stands. */
const CELL = /(?: *"((?:[^"]|"")*)" *(?=,|$)|([^,]*))/y;

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
