import type { MoeModel } from "./moe-model.ts";

/** Numbers of layers in their model, from 0, ascending: which layer each row of a load, placement or trace is of. */
export type LayerNumbers = readonly number[];

/** So many numbers from there on. */
export function consecutive(first: number, count: number): LayerNumbers {
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * Which layers a matrix of the model has, by its number of rows: those that route to experts, or every layer, as engines
 * count and record them, with those for multi-token prediction behind or without. Null for another number.
 */
export function layersOfRows(rows: number, { layers, moeLayers, mtpLayers }: MoeModel): LayerNumbers | null {
  if (rows === moeLayers.length) return moeLayers;
  if (rows === layers || rows === layers + mtpLayers) return consecutive(0, rows);
  return rows === moeLayers.length - mtpLayers ? moeLayers.slice(0, rows) : null;
}

/**
 * Numbers of the model's layers that route to experts, as far as a file can have them that has the layers given: engines
 * keep those for multi-token prediction to themselves.
 */
export function countedLayers({ layers, moeLayers }: MoeModel, given: LayerNumbers): LayerNumbers {
  const there = new Set(given);
  return moeLayers.filter((layer) => layer < layers || there.has(layer));
}

/** @returns the row of each wanted layer among those given; null where one is not there */
export function rowsOf(wanted: LayerNumbers, given: LayerNumbers): readonly number[] | null {
  const rowOf = new Map(given.map((layer, row) => [layer, row]));
  const rows = wanted.map((layer) => rowOf.get(layer) ?? -1);
  return rows.includes(-1) ? null : rows;
}

export function sameLayers(one: LayerNumbers, other: LayerNumbers): boolean {
  return one.length === other.length && one.every((layer, row) => layer === other[row]);
}

/** For people: `3–60`, or `1, 3, 5`, or `0, 4–7`. */
export function sayLayers(layers: LayerNumbers): string {
  const runs: { first: number; last: number }[] = [];
  for (const layer of layers) {
    const run = runs.at(-1);
    if (run !== undefined && layer === run.last + 1) run.last = layer;
    else runs.push({ first: layer, last: layer });
  }
  return runs.map(sayRun).join(", ");
}

function sayRun({ first, last }: { first: number; last: number }): string {
  if (first === last) return String(first);
  return last === first + 1 ? `${first}, ${last}` : `${first}–${last}`;
}
