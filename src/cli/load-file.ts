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
import { folderNames } from "./folder.ts";
import { LOAD_FORMATS, META_INFO, sayAlone } from "./load-formats.ts";
import { sayLikelyModels } from "./likely-models.ts";
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

/** Where no model is named. */
export const BY_SHAPE = ", which it is taken for by its shape (--model names another)";

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
  const model = modelName === null ? null : await loadModel(modelName, MODEL_FLAG);
  return (await modelRows(file, false, model, path, say)) ?? { ...file, model: null };
}

/**
 * The rows of a load that are of the model's layers that route to experts; of the default model's where none is given.
 * @param everyLayer whether the file is of a format that has a row for every layer
 * @returns null where none is given, and the load is not the default model's: all rows are another model's
 * @throws InputError where it is not of the model that is given
 */
export async function modelRows(
  file: NumberedLoad,
  everyLayer: boolean,
  given: MoeModel | null,
  path: string,
  say: Output,
): Promise<LoadToPlace | null> {
  const model = given ?? (await loadModel(DEFAULT_MODEL));
  const hints = { model, denseLayers: null, everyLayer };
  const chosen = given === null ? ofDefault(file, model, path, say) : chooseLoadRows(file, hints, path);
  if (chosen === null) {
    await sayLikelyModels(file.load, path, say);
    return null;
  }
  const { load, layers } = chosen;
  if (load.layers !== file.load.layers || (given === null && file.layers === null)) {
    const rows = sayRows(layers, load.layers, file.load.layers);
    say.progress(`${path}: ${rows}, as ${model.name} routes to experts${given === null ? BY_SHAPE : ""}`);
  }
  return { load, layers, model };
}

/** Another shape is another model's; so is this one where it counts tokens in layers without experts. */
function ofDefault(file: NumberedLoad, model: MoeModel, path: string, say: Output): NumberedLoad | null {
  try {
    return chooseLoadRows(file, { model, denseLayers: null, everyLayer: false }, path);
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

/**
 * A load of a model, of its layers that route to experts.
 * @throws InputError where it is another model's, or counts nothing
 */
export async function readModelLoad(path: string, model: MoeModel, say: Output): Promise<ExpertLoad> {
  const file = await readAnyLoad(path, say);
  const { load } = (await modelRows(file, false, model, path, say)) ?? file;
  if (load.tokens.some((tokens) => tokens > 0)) return load;
  throw new InputError(path, "", "counts no tokens; expected a load of some traffic");
}

function folderFormat(names: readonly string[]): string | null {
  if (names.includes(META_INFO)) return "tensorrt-llm-statistics";
  return names.some((name) => name.endsWith(".pt")) ? "sglang-recorder" : null;
}

/** A folder by what lies in it, a file by how it begins. */
async function readAnyLoad(path: string, say: Output): Promise<NumberedLoad> {
  const format = folderFormat((await folderNames(path)) ?? []);
  if (format !== null) {
    const { load, layers } = await LOAD_FORMATS[format].read(path, say);
    return { load, layers: layers ?? consecutive(0, load.layers) };
  }
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
