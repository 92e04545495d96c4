import { setImmediate } from "node:timers/promises";
import { type Row, inSteps } from "../history/falling-rows.ts";
import { partsOf, partsWithin } from "../history/gpu-parts.ts";
import { GPU_ROW_S, type GpuRow, gpuRowsTogether } from "../history/gpu-row.ts";
import type { PoolReading } from "../messages/pool-reading.ts";
import { decodeGpus } from "../messages/stored-gpus.ts";
import type { PoolStore } from "../store.ts";

/** Read at once: between such batches others have their turn. */
const BATCH = 6;

/**
 * What a pool's GPUs did in a span of time, ms since 1970, from the store: rows that begin in it, the oldest first.
 * @param seconds of a row, one of 10 and multiples of 60; rows that are coarser stay as they are
 * Rejects as the store does.
 */
export async function gpuRows(
  store: PoolStore,
  reading: PoolReading,
  from: number,
  to: number,
  seconds: number = GPU_ROW_S,
): Promise<readonly GpuRow[]> {
  const parts = partsWithin(partsOf(await store.keptNames()), from, to);
  const within = ({ atS }: Row) => atS * 1000 >= from && atS * 1000 < to;
  let rows: GpuRow[] = [];
  for (let i = 0; i < parts.length; i += BATCH) {
    if (i > 0) await setImmediate();
    const kept = await store.kept(parts.slice(i, i + BATCH).map(({ name }) => name));
    const found = kept.flatMap((bytes) =>
      bytes === null ? [] : (reading.read("gpu_history", () => decodeGpus(bytes)) ?? []),
    );
    const all = [...rows, ...found.filter(within)].toSorted((a, b) => a.atS - b.atS);
    rows = inSteps(all, seconds, gpuRowsTogether);
  }
  return rows;
}
