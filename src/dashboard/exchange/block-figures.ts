import { short } from "../format.ts";
import type { Cell } from "../grid/cell.ts";
import type { PoolReport } from "../live/wire.ts";
import type { GpuBlock } from "./exchange.ts";
import type { Matrix, PairMeasure } from "./exchange-figures.ts";

/** The GPUs of some nodes, by one measure. */
export interface BlockFigures {
  /** GPUs, ascending. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** `[rows][columns]`, per second. */
  readonly matrix: Matrix;
  readonly measure: PairMeasure;
  /** A mean pair of the whole pool. */
  readonly even: number;
  /** Sources of which nothing is known. */
  readonly silent: ReadonlySet<number>;
}

export function blockFigures(block: GpuBlock, wanted: PairMeasure, silent: readonly number[]): BlockFigures {
  const { rows, columns, tokensPerSecond: tokens, evenTokensPerSecond: evenTokens } = block;
  const known = { rows, columns, silent: new Set(silent) };
  return wanted === "tokens" && tokens !== null && evenTokens !== null
    ? { ...known, matrix: tokens, measure: "tokens", even: evenTokens }
    : {
        ...known,
        matrix: block.selectionsPerSecond,
        measure: "selections",
        even: block.evenSelectionsPerSecond,
      };
}

/** In parts of an even pair; NaN where nothing is known. */
export function relativeBlock({ rows, matrix, even, silent }: BlockFigures): Matrix {
  return matrix.map((row, at) => row.map((value) => (silent.has(rows[at]) ? Number.NaN : value / even)));
}

/** The largest between different GPUs; null where nothing goes between any. */
export function heaviestOfBlock({ rows, columns, matrix }: BlockFigures): Cell | null {
  let most: Cell | null = null;
  let value = 0;
  for (const [row, cells] of matrix.entries())
    for (const [column, cell] of cells.entries()) {
      if (rows[row] === columns[column] || cell <= value) continue;
      value = cell;
      most = { row, column };
    }
  return most;
}

/** One pair, for a person. */
export function blockPairText(
  { rows, columns, matrix, measure, even, silent }: BlockFigures,
  { gpusPerNode }: PoolReport["topology"],
  { row, column }: Cell,
): string {
  const [from, to] = [rows[row], columns[column]];
  const named = (gpu: number) => `GPU ${gpu} on node ${Math.floor(gpu / gpusPerNode)}`;
  const where = from === to ? `Within ${named(from)}` : `${named(from)} → ${named(to)}`;
  if (silent.has(from)) return `${where}: nothing is known to come from ${named(from)}`;
  const value = matrix[row][column];
  const what = measure === "selections" ? "selections/s" : "tokens/s";
  const times = even > 0 ? `, ${(value / even).toFixed(2)} × an even pair of GPUs` : "";
  return `${where}: ${short(value)} ${what}${times}`;
}
