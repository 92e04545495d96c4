import { InputError } from "../lib/errors.ts";

/** A row of a CSV file with a header: cells by the header's names, trimmed; a cell that is not there is "". */
export interface CsvRecord {
  /** From 1, the header's. */
  readonly line: number;
  cell(name: string): string;
}

/**
 * Reads a CSV file whose first line names its columns. Cells may be in quotes; lines may end in CR LF; empty lines are
 * ignored.
 * @throws InputError
 */
export function readCsvRecords(text: string, source: string): CsvRecord[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const names = cellsOf(lines[0], source, 1).map((name) => name.trim().toLowerCase());
  if (names.every((name) => name === "")) {
    throw new InputError(source, "line 1", "is empty; expected a header that names the columns");
  }
  const columns = new Map(names.map((name, column) => [name, column]));
  return lines.slice(1).flatMap((written, i) => {
    if (written.trim() === "") return [];
    const line = i + 2;
    const cells = cellsOf(written, source, line);
    if (cells.slice(names.length).some((cell) => cell.trim() !== "")) {
      const hint = `has ${cells.length} cells; expected at most the ${names.length} of the header`;
      throw new InputError(source, `line ${line}`, hint);
    }
    return [{ line, cell: (name: string) => cells[columns.get(name) ?? -1]?.trim() ?? "" }];
  });
}

function cellsOf(line: string, source: string, number: number): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const sign = line[i];
    if (sign === '"') {
      if (quoted && line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = !quoted;
    } else if (sign === "," && !quoted) {
      cells.push(cell);
      cell = "";
    } else cell += sign;
  }
  if (quoted)
    throw new InputError(source, `line ${number}`, "has an opening quote without its end; close it");
  cells.push(cell);
  return cells;
}
