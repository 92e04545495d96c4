import { loadModel } from "../config/shapes.ts";
import { readNpyLoad, readSafetensorsLoad } from "../formats/array-load.ts";
import { binaryKind } from "../formats/binary-kind.ts";
import { readExpertLoads } from "../formats/expert-load.ts";
import { readRecorderDump } from "../formats/sglang-recorder.ts";
import { sumWindows } from "../core/load/sum-windows.ts";
import { InputError } from "../lib/errors.ts";
import { type LayerNumbers, consecutive } from "../model/layer-numbers.ts";
import type { ExpertLoad, NumberedLoad } from "../model/load.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { sayAlone } from "./load-formats.ts";
import { chooseLoadRows, sayRows } from "./model-rows.ts";
import { type Output, readInput } from "./output.ts";

/** A load that is to be placed. */
export interface LoadToPlace {
  readonly load: ExpertLoad;
  /** Which layer each row is of; null where nothing says. */
  readonly layers: LayerNumbers | null;
  /** The model it is of; null where that is not known. */
  readonly model: MoeModel | null;
}

/** What a fault in the model's name is said of. */
export const MODEL_FLAG = { sourceOf: () => "--model", field: [] };

/** What its model is taken for, where the load has its shape. */
export const DEFAULT_MODEL = "deepseek-v3";

/**
 * Reads the rows of a load that are of layers that route to experts, its windows summed.
 * @param modelName null to take it for the default model's where it fits
 * @throws InputError where it is not of the model that is named
 */
export async function readLoadToPlace(
  path: string,
  modelName: string | null,
  say: Output,
): Promise<LoadToPlace> {
  const file = await readAnyLoad(path, say);
  const model = await loadModel(modelName ?? DEFAULT_MODEL, MODEL_FLAG);
  const chosen = modelName === null ? ofDefault(file, model, path, say) : ofModel(file, model, path);
  const { load, layers } = chosen ?? file;
  if (load.layers !== file.load.layers) {
    say.progress(
      `${path}: ${sayRows(layers, load.layers, file.load.layers)}, as ${model.name} routes to experts`,
    );
  }
  return { load, layers, model: chosen === null ? null : model };
}

function ofModel(file: NumberedLoad, model: MoeModel, path: string): NumberedLoad {
  return chooseLoadRows(file, { model, denseLayers: null, everyLayer: false }, path);
}

/** Another shape is another model's; so is this one where it counts tokens in layers without experts. */
function ofDefault(file: NumberedLoad, model: MoeModel, path: string, say: Output): NumberedLoad | null {
  try {
    return ofModel(file, model, path);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { load, layers } = file;
    const isLike = load.experts === model.experts && (layers?.length ?? load.layers) === model.layers;
    if (isLike) {
      const but = `has ${model.name}'s shape, but counts tokens in layers where that has no experts`;
      say.progress(`${path}: ${but}: taken for another model's, all ${load.layers} rows are placed`);
    }
    return null;
  }
}

/** By how the file begins. */
async function readAnyLoad(path: string, say: Output): Promise<NumberedLoad> {
  const bytes = await readInput(path);
  const kind = binaryKind(bytes);
  if (kind === "npy") return { load: readNpyLoad(bytes, path), layers: null };
  if (kind === "safetensors") return { load: readSafetensorsLoad(bytes, path), layers: null };
  if (kind === "torch") {
    const dump = readRecorderDump(bytes, path);
    sayAlone([{ source: path, dump }], say);
    const { load } = dump;
    return { load, layers: consecutive(0, load.layers) };
  }
  const { windows, layers } = readExpertLoads(bytes, path);
  return { load: sumWindows(windows), layers };
}
