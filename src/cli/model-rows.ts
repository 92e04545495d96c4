import type { PlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import {
  type LayerNumbers,
  consecutive,
  countedLayers,
  layersOfRows,
  rowsOf,
  sayLayers,
} from "../model/layer-numbers.ts";
import { type NumberedLoad, countingRow, loadRows } from "../model/load.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { slotCount } from "../model/topology.ts";

/** What tells which layers a file's rows are of, where it does not say. */
export interface LayerHints {
  /** The model; null where it is not known. */
  readonly model: MoeModel | null;
  /** Its leading layers without experts; null where nothing says. */
  readonly denseLayers: number | null;
  /** Whether the file has a row for every layer, where nothing else says. */
  readonly everyLayer: boolean;
}

/** The layers that a file is written for. */
export interface WrittenLayers {
  /** Which layer each row is of; null where nothing says. */
  readonly layers: LayerNumbers | null;
  /** The same, from 0 on where nothing says. */
  readonly numbers: LayerNumbers;
  /** Layers of the model, those without experts too. */
  readonly all: number;
}

/** Which rows of a file are of layers that route to experts. */
export interface ChosenRows {
  readonly rows: readonly number[];
  /** Which layer each is of; null where nothing says. */
  readonly layers: LayerNumbers | null;
}

/**
 * @param said which layer each of the file's rows is of; null where it does not say
 * @throws InputError where the rows cannot be those of the model
 */
function chooseRows(
  count: number,
  said: LayerNumbers | null,
  { model, denseLayers, everyLayer }: LayerHints,
  source: string,
): ChosenRows {
  const all = consecutive(0, count);
  if (model === null && denseLayers === null) return { rows: all, layers: said ?? (everyLayer ? all : null) };
  const first = denseLayers ?? 0;
  const given = said ?? givenLayers(count, model, everyLayer ? 0 : first);
  const wanted = model === null ? given.filter((layer) => layer >= first) : countedLayers(model, given);
  const rows = rowsOf(wanted, given);
  if (rows === null && model !== null) throw otherRows(count, said, model, null, source);
  if (rows === null || (denseLayers !== null && wanted[0] !== denseLayers)) {
    const experts = wanted.length === 0 ? "" : `, experts in ${sayLayers(wanted)}`;
    const hint = `is ${denseLayers}; ${source} has layers ${sayLayers(given)}${experts}`;
    throw new InputError("--dense-layers", "", hint);
  }
  return { rows, layers: wanted };
}

/** What rows are of that are not numbered: the model's layers, where it is known. */
function givenLayers(count: number, model: MoeModel | null, first: number): LayerNumbers {
  return model === null ? consecutive(first, count) : (layersOfRows(count, model) ?? []);
}

/**
 * The rows of a load that are of layers that route to experts.
 * @throws InputError also where another row counts tokens
 */
export function chooseLoadRows(
  { load, layers }: NumberedLoad,
  hints: LayerHints,
  source: string,
): NumberedLoad {
  const { model } = hints;
  if (model !== null && model.experts !== load.experts)
    throw otherRows(load.layers, layers, model, load.experts, source);
  const chosen = chooseRows(load.layers, layers, hints, source);
  const kept = new Set(chosen.rows);
  const others = consecutive(0, load.layers).filter((row) => !kept.has(row));
  const counting = countingRow(load, others);
  if (counting >= 0) {
    const dense =
      model === null ? `--dense-layers is ${hints.denseLayers}` : `${model.name} has no experts there`;
    const layer = layers === null ? counting : layers[counting];
    throw new InputError(source, `layer ${layer}`, `counts tokens, but ${dense}; name the model that it is`);
  }
  return { load: loadRows(load, chosen.rows), layers: chosen.layers };
}

/** The rows of a placement that are of layers that route to experts. @throws InputError */
export function choosePlacementRows(file: PlacementFile, hints: LayerHints, source: string): PlacementFile {
  const { placement, shares } = file;
  const { model } = hints;
  if (model !== null && model.experts !== placement.experts) {
    throw otherRows(placement.layers, file.layers, model, placement.experts, source);
  }
  const { rows, layers } = chooseRows(placement.layers, file.layers, hints, source);
  const modelName = model?.name ?? file.modelName;
  if (rows.length === placement.layers) return { ...file, modelName, layers };
  const width = slotCount(placement.topology);
  const kept = (values: ReadonlyNumbers) =>
    Float64Array.from(
      { length: rows.length * width },
      (_, i) => values[rows[Math.floor(i / width)] * width + (i % width)],
    );
  const physicalToLogical = Int32Array.from(kept(placement.physicalToLogical));
  return {
    ...file,
    modelName,
    layers,
    placement: { ...placement, layers: rows.length, physicalToLogical },
    shares: kept(shares),
    certificate: null,
  };
}

/** `layers 3–60`, and of how many rows where some were dropped. */
export function sayRows(layers: LayerNumbers | null, kept: number, count: number): string {
  const numbers = layers === null ? `${kept} layers of unknown number` : `layers ${sayLayers(layers)}`;
  return kept === count ? numbers : `${numbers} of ${count} rows`;
}

function otherRows(
  rows: number,
  layers: LayerNumbers | null,
  model: MoeModel,
  experts: number | null,
  source: string,
): InputError {
  const has = layers === null ? `${rows} rows` : `layers ${sayLayers(layers)}`;
  const own = model.moeLayers;
  const of = experts === null ? "" : ` of ${experts} experts`;
  const hint = `has ${has}${of}; expected those of ${model.name}: ${own.length} rows of ${model.experts} experts (layers ${sayLayers(own)}), or ${model.layers} with those without experts`;
  return new InputError(source, "", hint);
}
