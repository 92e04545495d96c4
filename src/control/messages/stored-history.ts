import { BUCKETS } from "../../lib/log-histogram.ts";
import { type Shape, record, writeJson } from "../../lib/shape.ts";
import { WholeWriter } from "../../lib/whole-bytes.ts";
import type { PoolHistory } from "../history/pool-history.ts";
import { POOL_MOSTS, POOL_SUMS, type PoolRow } from "../history/pool-row.ts";
import { LATENCIES, TRAFFIC_SUMS, type TrafficRow } from "../history/traffic-row.ts";
import {
  type RowsHead,
  headed,
  readHeaded,
  readRows,
  rowsHead,
  writeCounts,
  writeRows,
} from "./stored-rows.ts";

const heads: Shape<{ pool: RowsHead; traffic: RowsHead }> = record({ pool: rowsHead, traffic: rowsHead });

const POOL_NUMBERS = [...POOL_SUMS, ...POOL_MOSTS];

/**
 * The value `history` of a pool's store: a head that names what rows say, then the pool's rows and the traffic's
 * (`stored-rows.ts`).
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
  return headed(json, writer);
}

/** What an earlier version does not write is 0. @throws Unreadable */
export function decodeHistory(bytes: Uint8Array): PoolHistory {
  const { head, reader } = readHeaded(bytes, heads);
  const pool = readRows(reader, head.pool, POOL_NUMBERS, [], BUCKETS) as unknown as PoolRow[];
  const traffic = readRows(reader, head.traffic, TRAFFIC_SUMS, LATENCIES, BUCKETS) as unknown as TrafficRow[];
  reader.end();
  return { pool, traffic };
}
