import { SHADES } from "../experts/colour-scale.ts";
import type { PoolReport } from "../live/wire.ts";
import type { HeldRow } from "./gpu-history-row.ts";
import type { Span } from "./ranges.ts";

/** More GPUs have a row for each node. */
const MOST_GPUS = 64;
/** Parts of an even step: what is more has the darkest shade. */
const MOST = 1 / 2;

/** What steps waited for: a row for each GPU or node, a column for each step of time. */
export interface StripCells {
  readonly rows: number;
  readonly columns: number;
  /** GPUs of a row: one, or those of a node. */
  readonly gpusPerRow: number;
  readonly gpusPerNode: number;
  /** When the first column begins, milliseconds since 1970; and how long one is. */
  readonly from: number;
  readonly stepMs: number;
  /** `[columns]`: null where nothing is known. */
  readonly known: readonly (HeldRow | null)[];
  /** `[columns][rows]`: in parts of an even step. */
  readonly held: readonly (readonly number[])[];
  /** `[columns][rows]`: how many of its GPUs were lost or drained. */
  readonly gone: readonly (readonly number[])[];
}

/** @param step seconds of a column, of which a row may have more */
export function stripCells(
  { nodes, gpusPerNode }: PoolReport["topology"],
  rows: readonly HeldRow[],
  { from, to }: Span,
  step: number,
): StripCells {
  const gpus = nodes * gpusPerNode;
  const gpusPerRow = gpus > MOST_GPUS ? gpusPerNode : 1;
  const stepMs = step * 1000;
  const begin = Math.floor(from / stepMs) * stepMs;
  const columns = Math.ceil((to - begin) / stepMs);
  const known: (HeldRow | null)[] = Array.from({ length: columns }, () => null);
  const fill = (row: HeldRow, begins: number, ends: number) => {
    const first = Math.max(0, Math.floor((begins - begin) / stepMs));
    const last = Math.min(columns, Math.ceil((ends - begin) / stepMs));
    for (let column = first; column < last; column++)
      if ((known[column]?.held ?? null) === null) known[column] = row;
  };
  for (const row of rows) fill(row, row.at, row.at + row.seconds * 1000);
  // A window may have begun long before the row that it ended in.
  for (const row of rows) {
    const ends = row.at + row.seconds * 1000;
    if (row.held !== null) fill(row, ends - Math.max(row.measuredMs, row.seconds * 1000), ends);
  }
  const count = gpus / gpusPerRow;
  const byRow = (of: (gpu: number) => number) => {
    const sums = Array.from({ length: count }, () => 0);
    for (let gpu = 0; gpu < gpus; gpu++) sums[Math.floor(gpu / gpusPerRow)] += of(gpu);
    return sums;
  };
  return {
    rows: count,
    columns,
    gpusPerRow,
    gpusPerNode,
    from: begin,
    stepMs,
    known,
    held: known.map((row) => byRow((gpu) => row?.held?.[gpu] ?? 0)),
    gone: known.map((row) => {
      const out = new Set([...(row?.lost ?? []), ...(row?.drained ?? [])]);
      return out.size === 0 ? byRow(() => 0) : byRow((gpu) => (out.has(gpu) ? 1 : 0));
    }),
  };
}

/** The shade of what steps wait for: a colour means the same at any time. Little stays light, where most GPUs are. */
export function shadeOfHeld(held: number): number {
  return Math.round(Math.sqrt(Math.min(1, Math.max(0, held) / MOST)) * (SHADES - 1));
}

/** The GPU of a row that steps waited for most then. */
export function gpuOfCell({ gpusPerRow, known }: StripCells, row: number, column: number): number {
  const first = row * gpusPerRow;
  const held = known[column]?.held?.slice(first, first + gpusPerRow) ?? [];
  return first + Math.max(0, held.indexOf(Math.max(...held)));
}
