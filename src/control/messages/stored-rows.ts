import { type Shape, demand, list, readJson, record, text, whole } from "../../lib/shape.ts";
import { WholeReader, type WholeWriter } from "../../lib/whole-bytes.ts";
import type { Row } from "../history/falling-rows.ts";

const JSON_AT = 4;

/** The length of the JSON as uint32, little-endian; the JSON; then whole numbers (`lib/whole-bytes.ts`). */
export function headed(json: Uint8Array, { bytes: rows }: WholeWriter): Uint8Array {
  const bytes = new Uint8Array(JSON_AT + json.length + rows.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, JSON_AT);
  bytes.set(rows, JSON_AT + json.length);
  return bytes;
}

/** @throws Unreadable */
export function readHeaded<T>(bytes: Uint8Array, shape: Shape<T>): { head: T; reader: WholeReader } {
  demand(bytes.length >= JSON_AT, "it is cut short");
  const end = JSON_AT + new DataView(bytes.buffer, bytes.byteOffset, JSON_AT).getUint32(0, true);
  demand(bytes.length >= end, "it is cut short");
  return {
    head: readJson(bytes.subarray(JSON_AT, end), shape),
    reader: new WholeReader(bytes.subarray(end)),
  };
}

/** How many rows there are, and what each says behind its time and its seconds: first numbers, then lists of numbers. */
export interface RowsHead {
  readonly rows: number;
  readonly numbers: readonly string[];
  /** Each is written as the first that is not 0, how many follow, and those. */
  readonly counts: readonly string[];
}

export const rowsHead: Shape<RowsHead> = record<RowsHead>({
  rows: whole(),
  numbers: list(text),
  counts: list(text),
});

/** A row has the seconds since the row before it (the first, since 1970), its length in seconds, and what `write` adds. */
export function writeRows<R extends Row>(
  writer: WholeWriter,
  rows: readonly R[],
  write: (row: R) => void,
): void {
  let beforeS = 0;
  for (const row of rows) {
    writer.write(row.atS - beforeS);
    writer.write(row.seconds);
    write(row);
    beforeS = row.atS;
  }
}

/** Zeros at both ends cost nothing; those at the end are not read again. */
export function writeCounts(writer: WholeWriter, counts: readonly number[]): void {
  const first = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  const last = counts.findLastIndex((count) => count > 0);
  writer.write(first);
  writer.write(last + 1 - first);
  for (let i = first; i <= last; i++) writer.write(counts[i]);
}

/**
 * What is not written is 0, or an empty list; what is not wanted is passed over.
 * @param longest of a list
 * @throws Unreadable
 */
export function readRows(
  reader: WholeReader,
  { rows, numbers, counts }: RowsHead,
  wantedNumbers: readonly string[],
  wantedCounts: readonly string[],
  longest: number,
): (Row & Record<string, number | readonly number[]>)[] {
  const [knownNumbers, knownCounts] = [new Set(wantedNumbers), new Set(wantedCounts)];
  const nothing = {
    ...Object.fromEntries(wantedNumbers.map((name) => [name, 0])),
    ...Object.fromEntries(wantedCounts.map((name): [string, readonly number[]] => [name, []])),
  };
  const read: (Row & Record<string, number | readonly number[]>)[] = [];
  let beforeS = 0;
  for (let i = 0; i < rows; i++) {
    const sinceS = reader.read();
    demand(i === 0 || sinceS > 0, "its rows do not ascend");
    const atS = beforeS + sinceS;
    const seconds = reader.read();
    demand(Number.isSafeInteger(atS) && seconds > 0, "a row has no time");
    const row: Row & Record<string, number | readonly number[]> = { atS, seconds, ...nothing };
    for (const name of numbers) {
      const number = reader.read();
      if (knownNumbers.has(name)) row[name] = number;
    }
    for (const name of counts) {
      const byBucket = readCounts(reader, longest);
      if (knownCounts.has(name)) row[name] = byBucket;
    }
    read.push(row);
    beforeS = atS;
  }
  return read;
}

function readCounts(reader: WholeReader, longest: number): number[] {
  const first = reader.read();
  const length = reader.read();
  demand(first + length <= longest, "a list is too long");
  const counts = Array.from({ length: length === 0 ? 0 : first }, () => 0);
  for (let i = 0; i < length; i++) counts.push(reader.read());
  return withoutEnd(counts);
}

/** Without the zeros at its end. */
export function withoutEnd(counts: readonly number[]): number[] {
  return counts.slice(0, counts.findLastIndex((count) => count > 0) + 1);
}
