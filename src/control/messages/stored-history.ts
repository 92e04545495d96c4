import { BUCKETS, type LogHistogram } from "../../lib/log-histogram.ts";
import { type Shape, demand, list, readJson, record, text, whole, writeJson } from "../../lib/shape.ts";
import { WholeReader, WholeWriter } from "../../lib/whole-bytes.ts";
import type { Row } from "../history/falling-rows.ts";
import type { PoolHistory } from "../history/pool-history.ts";
import { POOL_MOSTS, POOL_SUMS, type PoolRow } from "../history/pool-row.ts";
import { LATENCIES, TRAFFIC_SUMS, type TrafficRow } from "../history/traffic-row.ts";

const JSON_AT = 4;

/** How many rows there are, and what each says behind its time and its seconds: first numbers, then counts by bucket. */
interface RowsHead {
  readonly rows: number;
  readonly numbers: readonly string[];
  readonly counts: readonly string[];
}

const rowsHead: Shape<RowsHead> = record<RowsHead>({
  rows: whole(),
  numbers: list(text),
  counts: list(text),
});
const heads: Shape<{ pool: RowsHead; traffic: RowsHead }> = record({ pool: rowsHead, traffic: rowsHead });

const POOL_NUMBERS = [...POOL_SUMS, ...POOL_MOSTS];

/**
 * The value `history` of a pool's store: the length of the JSON as uint32, little-endian; the JSON, which names what rows
 * say; then, as whole numbers (`lib/whole-bytes.ts`), the pool's rows and the traffic's. A row has the seconds since the
 * row before it (the first, since 1970), its length in seconds, its numbers, and its counts: the first bucket that is
 * not 0, how many follow, and those.
 */
export function encodeHistory({ pool, traffic }: PoolHistory): Uint8Array {
  const json = writeJson({
    pool: { rows: pool.length, numbers: POOL_NUMBERS, counts: [] },
    traffic: { rows: traffic.length, numbers: TRAFFIC_SUMS, counts: LATENCIES },
  });
  const writer = new WholeWriter();
  writeRows(writer, pool, (row) => {
    for (const name of POOL_NUMBERS) writer.write(row[name]);
  });
  writeRows(writer, traffic, (row) => {
    for (const name of TRAFFIC_SUMS) writer.write(row[name]);
    for (const name of LATENCIES) writeCounts(writer, row[name]);
  });
  const { bytes: rows } = writer;
  const bytes = new Uint8Array(JSON_AT + json.length + rows.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, JSON_AT);
  bytes.set(rows, JSON_AT + json.length);
  return bytes;
}

/** What an earlier version does not write is 0. @throws Unreadable */
export function decodeHistory(bytes: Uint8Array): PoolHistory {
  demand(bytes.length >= JSON_AT, "it is cut short");
  const end = JSON_AT + new DataView(bytes.buffer, bytes.byteOffset, JSON_AT).getUint32(0, true);
  demand(bytes.length >= end, "it is cut short");
  const head = readJson(bytes.subarray(JSON_AT, end), heads);
  const reader = new WholeReader(bytes.subarray(end));
  const pool = readRows(reader, head.pool, POOL_NUMBERS, []) as unknown as PoolRow[];
  const traffic = readRows(reader, head.traffic, TRAFFIC_SUMS, LATENCIES) as unknown as TrafficRow[];
  reader.end();
  return { pool, traffic };
}

function writeRows<R extends Row>(writer: WholeWriter, rows: readonly R[], write: (row: R) => void): void {
  let beforeS = 0;
  for (const row of rows) {
    writer.write(row.atS - beforeS);
    writer.write(row.seconds);
    write(row);
    beforeS = row.atS;
  }
}

function writeCounts(writer: WholeWriter, counts: LogHistogram): void {
  const first = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  const last = counts.findLastIndex((count) => count > 0);
  writer.write(first);
  writer.write(last + 1 - first);
  for (let i = first; i <= last; i++) writer.write(counts[i]);
}

function readRows(
  reader: WholeReader,
  { rows, numbers, counts }: RowsHead,
  wantedNumbers: readonly string[],
  wantedCounts: readonly string[],
): Row[] {
  const [knownNumbers, knownCounts] = [new Set(wantedNumbers), new Set(wantedCounts)];
  const nothing = {
    ...Object.fromEntries(wantedNumbers.map((name) => [name, 0])),
    ...Object.fromEntries(wantedCounts.map((name): [string, LogHistogram] => [name, []])),
  };
  const read: Row[] = [];
  let beforeS = 0;
  for (let i = 0; i < rows; i++) {
    const sinceS = reader.read();
    demand(i === 0 || sinceS > 0, "its rows do not ascend");
    const atS = beforeS + sinceS;
    const seconds = reader.read();
    demand(Number.isSafeInteger(atS) && seconds > 0, "a row has no time");
    const row: Row & Record<string, number | LogHistogram> = { atS, seconds, ...nothing };
    for (const name of numbers) {
      const number = reader.read();
      if (knownNumbers.has(name)) row[name] = number;
    }
    for (const name of counts) {
      const byBucket = readCounts(reader);
      if (knownCounts.has(name)) row[name] = byBucket;
    }
    read.push(row);
    beforeS = atS;
  }
  return read;
}

function readCounts(reader: WholeReader): number[] {
  const first = reader.read();
  const length = reader.read();
  demand(first + length <= BUCKETS, "it counts what is in no bucket");
  const counts = Array.from({ length: length === 0 ? 0 : first }, () => 0);
  for (let i = 0; i < length; i++) counts.push(reader.read());
  return counts;
}
