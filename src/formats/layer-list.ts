import { InputError } from "../lib/errors.ts";
import { type LayerNumbers, consecutive } from "../model/layer-numbers.ts";
import { integerIn, readNumber, shown } from "./json.ts";

/** Rows for every layer are written for the numbers a file names. */
export const LAST_LAYER = 9999;
const LAYER = integerIn(0, LAST_LAYER);

/**
 * Reads numbers of layers.
 * @throws InputError where they are no ascending integers
 */
export function readLayerNumbers(value: unknown, source: string, field: string): LayerNumbers {
  if (!Array.isArray(value) || value.length === 0) {
    throw new InputError(source, field, `is ${shown(value)}; expected a list of layer numbers`);
  }
  return value.map((entry: unknown, i) => {
    const layer = readNumber(entry, LAYER, source, `${field}[${i}]`);
    if (i === 0 || layer > (value[i - 1] as number)) return layer;
    throw new InputError(
      source,
      `${field}[${i}]`,
      `is ${layer} after ${value[i - 1]}; expected ascending numbers`,
    );
  });
}

/**
 * Rows for every layer of a model.
 * @param rows   one for each of `layers`, ascending
 * @param all    layers of the model, more than the last number
 * @param filler for layers that have none
 */
export function forEveryLayer<Row>(
  rows: readonly Row[],
  layers: LayerNumbers,
  all: number,
  filler: () => Row,
): readonly Row[] {
  const rowOf = new Map(layers.map((layer, row) => [layer, rows[row]]));
  return consecutive(0, all).map((layer) => rowOf.get(layer) ?? filler());
}
