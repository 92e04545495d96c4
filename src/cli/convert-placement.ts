import { findModel, loadModel } from "../config/shapes.ts";
import { type EngineLimits, forEngine } from "../formats/engine-placement.ts";
import type { PlacementFile } from "../formats/placement-file.ts";
import { InputError } from "../lib/errors.ts";
import {
  type LayerNumbers,
  consecutive,
  layersOfRows,
  sameLayers,
  sayLayers,
} from "../model/layer-numbers.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import { slotCount } from "../model/topology.ts";
import { BY_SHAPE, DEFAULT_MODEL } from "./load-file.ts";
import { type WrittenLayers, choosePlacementRows, sayRows } from "./model-rows.ts";
import { type Output, readInput } from "./output.ts";
import { PLACEMENT_FORMATS, type PlacementFlags } from "./placement-formats.ts";
import { readRankTokens } from "./rank-tokens.ts";

export const RANK_TABLE = "sglang-rank-table";

export interface ConvertOptions extends PlacementFlags {
  readonly from: string;
  readonly to: string;
  readonly in: string;
  readonly out: string;
  readonly model?: string;
  readonly denseLayers?: number;
  readonly rankTokens?: string;
  readonly json?: true;
}

/** What is written, and of which layers. */
export interface Converted {
  readonly text: string;
  readonly layers: LayerNumbers | null;
  /** The layers, for people. */
  readonly said: string;
}

/**
 * A placement in another format.
 * @param everyLayer whether the format it was read from has a row for every layer
 * @param given      the model, where --model names one
 * @throws InputError
 */
export async function convertedPlacement(
  whole: PlacementFile,
  everyLayer: boolean,
  given: MoeModel | null,
  options: ConvertOptions,
  say: Output,
): Promise<Converted> {
  const { in: path, to, denseLayers = null, rankTokens: tokensPath } = options;
  const shaped = given === null && denseLayers === null ? await modelByShape(whole) : null;
  const model = given ?? (await ownModel(whole)) ?? shaped;
  const file = choosePlacementRows(whole, { model, denseLayers, everyLayer }, path);
  if (model !== null && model === shaped) {
    const rows = sayRows(file.layers, file.placement.layers, whole.placement.layers);
    say.progress(`${path}: ${rows}, as ${model.name} routes to experts${BY_SHAPE}`);
  }
  const format = PLACEMENT_FORMATS[to];
  if (needsNumbers(to, format.everyLayer) && file.layers === null && file.modelName !== null) {
    const hint = `names ${file.modelName}, no known model of its shape; give its file with --model, or --dense-layers`;
    throw new InputError(path, "model.name", hint);
  }
  const { placement, layers } = file;
  const rankTokens =
    tokensPath === undefined
      ? undefined
      : readRankTokens(await readInput(tokensPath), tokensPath, placement, {
          count: placement.layers,
          layers,
          model,
          source: path,
        });
  const loadable = format.limits === undefined ? placement : loadableBy(format.limits, placement, path, say);
  const written = writtenLayers(placement.layers, layers, format.everyLayer, model, options, say);
  return {
    text: format.write({ ...file, placement: loadable }, { written, flags: options, rankTokens }),
    layers,
    said: sayRows(layers, placement.layers, whole.placement.layers),
  };
}

function loadableBy(limits: EngineLimits, placement: Placement, path: string, say: Output): Placement {
  const loadable = forEngine(placement, limits, path);
  if (loadable.change !== null) say.progress(`${path}: ${loadable.change}`);
  return loadable.placement;
}

/** The shipped model that a placement names; null for another, or one of another shape. */
async function ownModel({ modelName, placement }: PlacementFile): Promise<MoeModel | null> {
  const model = modelName === null ? null : await findModel(modelName);
  if (model === null || model.experts !== placement.experts) return null;
  return layersOfRows(placement.layers, model) === null ? null : model;
}

/** The default model, where a placement of no model, and of no layers in particular, can be its. */
async function modelByShape({ modelName, layers, placement }: PlacementFile): Promise<MoeModel | null> {
  if (modelName !== null || layers !== null) return null;
  const model = await loadModel(DEFAULT_MODEL);
  const given = layersOfRows(placement.layers, model);
  if (model.experts !== placement.experts || given === null) return null;
  const moe = new Set(model.moeLayers);
  return given.every((layer, row) => moe.has(layer) || isInTurn(placement, row)) ? model : null;
}

/** Whether a row is what files have for layers without experts. */
function isInTurn({ experts, topology, physicalToLogical }: Placement, row: number): boolean {
  const slots = slotCount(topology);
  return consecutive(0, slots).every((slot) => physicalToLogical[row * slots + slot] === slot % experts);
}

/** Whether a file says which layers its rows are of, by their place or by name. */
function needsNumbers(to: string, everyLayer: boolean): boolean {
  return everyLayer || to === "tensorrt-llm";
}

/** Says what the file will have where nothing says which layers its rows are, or how many there are. */
export function writtenLayers(
  rows: number,
  layers: LayerNumbers | null,
  everyLayer: boolean,
  model: MoeModel | null,
  { to }: ConvertOptions,
  say: Output,
): WrittenLayers {
  const numbers = layers ?? consecutive(0, rows);
  const all = model?.layers ?? (numbers.at(-1) ?? 0) + 1;
  if (layers === null && needsNumbers(to, everyLayer)) {
    const as = `written as layers ${sayLayers(numbers)}; see --model`;
    say.progress(`nothing says which layers the rows are: ${as}`);
  } else if (everyLayer && !sameLayers(numbers, consecutive(0, all))) {
    const behind = numbers.filter((layer) => layer >= all);
    const without =
      behind.length === 0 ? "" : `; SGLang has no row for layers ${sayLayers(behind)}, which are left out`;
    const own = sayLayers(numbers.filter((layer) => layer < all));
    say.progress(`${all} rows: layers ${own}, and rows for the others, which have no experts${without}`);
  }
  return { layers, numbers, all };
}
