import type { LayerNumbers } from "./layer-numbers.ts";

/** Tokens routed to each logical expert in some window. */
export interface ExpertLoad {
  readonly layers: number;
  readonly experts: number;
  /** `[layers][experts]`, row-major; finite and ≥ 0. */
  readonly tokens: Float64Array;
}

/** A load as a file has it. */
export interface NumberedLoad {
  readonly load: ExpertLoad;
  /** Which layer each row is of; null where the file does not say. */
  readonly layers: LayerNumbers | null;
}

export function emptyLoad(layers: number, experts: number): ExpertLoad {
  return { layers, experts, tokens: new Float64Array(layers * experts) };
}

/** A zero-copy view of one layer's loads. */
export function layerLoad(load: ExpertLoad, layer: number): Float64Array {
  return load.tokens.subarray(layer * load.experts, (layer + 1) * load.experts);
}

/** @param rows of the load, in the order they are wanted */
export function loadRows(load: ExpertLoad, rows: readonly number[]): ExpertLoad {
  const kept = emptyLoad(rows.length, load.experts);
  for (const [to, row] of rows.entries()) kept.tokens.set(layerLoad(load, row), to * load.experts);
  return kept;
}

/** @returns the first of these rows that counts tokens; −1 where none does */
export function countingRow(load: ExpertLoad, rows: Iterable<number>): number {
  for (const row of rows) if (layerLoad(load, row).some((tokens) => tokens > 0)) return row;
  return -1;
}
