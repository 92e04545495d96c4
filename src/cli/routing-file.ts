import { readTraceRows } from "../formats/routing-trace.ts";
import type { TraceRows } from "../model/routing-trace.ts";
import { InputError } from "../lib/errors.ts";
import { type LayerNumbers, consecutive, layersOfRows, rowsOf, sayLayers } from "../model/layer-numbers.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { type Output, readInput } from "./output.ts";

/** What arrays by layer are to fit. */
export interface RowsToFit {
  /** Rows of the load or placement. */
  readonly count: number;
  /** Which layer each is of; null where that is not known. */
  readonly layers: LayerNumbers | null;
  readonly model: MoeModel | null;
  /** What messages call it. */
  readonly source: string;
}

/**
 * Which rows of an array by layer are those of a load or placement: all, where it has as many; else those of the same
 * number, where it is known to have every layer.
 * @param depth layers of the array
 * @throws InputError where that cannot be told
 */
export function alignedRows(
  depth: number,
  { count, layers, model, source }: RowsToFit,
  path: string,
): readonly number[] {
  if (depth === count) return consecutive(0, count);
  if (layers !== null) {
    const given = (model === null ? null : layersOfRows(depth, model)) ?? everyLayer(depth, layers);
    const rows = given === null ? null : rowsOf(layers, given);
    if (rows !== null) return rows;
  }
  const has = layers === null ? `${count} layers of unknown number` : `layers ${sayLayers(layers)}`;
  throw new InputError(path, "shape", `has ${depth} layers; expected the ${count} of ${source} (${has})`);
}

/** An array with one layer for each number up to the last has them all. */
function everyLayer(depth: number, layers: LayerNumbers): LayerNumbers | null {
  return depth === (layers.at(-1) as number) + 1 ? consecutive(0, depth) : null;
}

/** Says which layers are read, where they are not all. */
export function sayAligned(rows: readonly number[], depth: number, path: string, say: Output): void {
  if (rows.length !== depth) say.progress(`${path}: layers ${sayLayers(rows)} of its ${depth} are read`);
}

/** Reads the layers of a routing trace that a load or placement has. @throws InputError */
export async function readRouting(
  path: string,
  experts: number,
  fit: RowsToFit,
  say: Output,
): Promise<TraceRows> {
  const read = readTraceRows(await readInput(path), path, experts, (depth) => alignedRows(depth, fit, path));
  sayAligned(read.rows, read.depth, path, say);
  return read;
}
