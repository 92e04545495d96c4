import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import { MOST_REQUEST_TOKENS } from "../../model/traffic.ts";

/** The columns of a CSV trace, by its first line. No cell of a trace holds a comma. */
export class CsvColumns {
  readonly #source: string;
  readonly #header: string;
  readonly #places: ReadonlyMap<string, number>;
  readonly #count: number;

  constructor(header: string, source: string) {
    const names = header.split(",").map(columnName);
    this.#source = source;
    this.#header = header.trim();
    this.#count = names.length;
    this.#places = new Map(names.map((name, place) => [name, place]));
  }

  /** @throws InputError where it is not there */
  place(name: string): number {
    const place = this.#places.get(columnName(name));
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
    const cells = row.split(",");
    if (cells.length !== this.#count) {
      const hint = `has ${cells.length} fields; expected ${oneLine(this.#header, 200)}`;
      throw new InputError(this.#source, where, hint);
    }
    return row.includes('"') ? cells.map(unquoted) : cells;
  }
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
  if (/^[1-9]\d{0,8}$/.test(cell) && Number(cell) <= MOST_REQUEST_TOKENS) return Number(cell);
  throw new InputError(
    source,
    field,
    `is '${oneLine(cell, 40)}'; expected tokens, in 1..${MOST_REQUEST_TOKENS}`,
  );
}
