import { InputError } from "../lib/errors.ts";
import { type LayerNumbers, rowsOf, sayLayers, consecutive } from "../model/layer-numbers.ts";
import { type ExpertLoad, countingRow, emptyLoad, loadRows } from "../model/load.ts";
import { AMOUNT, isObject, type JsonObject, nest, readJsonObject, readMatrix } from "./json.ts";
import { forEveryLayer, readLayerNumbers } from "./layer-list.ts";

const LOAD_HISTORY = "load_history";
const WINDOW_LOAD = "logical_expert_load";
const LOGICAL_COUNT = "logical_count";
/** Ours: other readers ignore it. */
const MOE_LAYERS = "moe_layers";

/** The windows of a file, all of one shape. */
export interface ExpertLoads {
  /** At least one, in the file's order. */
  readonly windows: readonly ExpertLoad[];
  /** Which layer each row is of; null where the file does not say. */
  readonly layers: LayerNumbers | null;
}

/**
 * Reads expert loads in either public form: `{"load_history":[{"logical_expert_load":[layers][experts]}…]}`
 * (the EPLB benchmark's; one window per entry) or `{"logical_count":[layers][experts]}` (SGLang's; one window), whose
 * steps, where it is `[steps][layers][experts]`, are summed. Either may list the numbers of the layers that route to
 * experts in `"moe_layers"`: its rows are these, or, where there are more, those of the model's layers from 0 on.
 * @throws InputError naming the first entry that is no finite number ≥ 0, e.g. `logical_count[3][7]`
 */
export function readExpertLoads(bytes: Uint8Array, source: string): ExpertLoads {
  const loads = expertLoadsIn(readJsonObject(bytes, source), source);
  if (loads !== null) return loads;
  throw new InputError(source, "", `has neither ${LOAD_HISTORY} nor ${LOGICAL_COUNT}; give one of them`);
}

/** The same of what has been parsed already; null where it has neither form. */
export function expertLoadsIn(file: JsonObject, source: string): ExpertLoads | null {
  if (LOAD_HISTORY in file) return numbered(readHistory(file, source), file, source);
  if (LOGICAL_COUNT in file) return numbered([readCount(file, source)], file, source);
  return null;
}

/** Reads the first form only. */
export function readLoadHistory(bytes: Uint8Array, source: string): ExpertLoads {
  const file = readJsonObject(bytes, source);
  return numbered(readHistory(file, source), file, source);
}

/** Reads the second form only. */
export function readLogicalCount(bytes: Uint8Array, source: string): ExpertLoads {
  const file = readJsonObject(bytes, source);
  return numbered([readCount(file, source)], file, source);
}

/** Writes the first form. */
export function writeLoadHistory(windows: readonly ExpertLoad[], layers: LayerNumbers | null = null): string {
  const history = windows.map((load) => ({ [WINDOW_LOAD]: nest(load.tokens, load.experts) }));
  return `${JSON.stringify({ ...(layers === null ? {} : { [MOE_LAYERS]: layers }), [LOAD_HISTORY]: history })}\n`;
}

/**
 * Writes the second form, from which SGLang's `--init-expert-location` places by itself: a row for every layer, zeros
 * where nothing is routed to experts.
 * @param layers which layer each row is of
 * @param all    layers of the model
 */
export function writeLogicalCount(
  { tokens, experts }: ExpertLoad,
  layers: LayerNumbers,
  all: number,
): string {
  const rows = forEveryLayer(nest(tokens, experts), layers, all, () => Array<number>(experts).fill(0));
  const note = layers.length === all ? {} : { [MOE_LAYERS]: layers };
  return `${JSON.stringify({ ...note, [LOGICAL_COUNT]: rows })}\n`;
}

function readHistory(file: JsonObject, source: string): ExpertLoad[] {
  const history = file[LOAD_HISTORY];
  if (!Array.isArray(history) || history.length === 0) {
    throw new InputError(source, LOAD_HISTORY, "is not a list of windows; expected at least one");
  }
  const windows: ExpertLoad[] = [];
  for (const [index, window] of history.entries()) {
    const at = `${LOAD_HISTORY}[${index}]`;
    if (!isObject(window)) throw new InputError(source, at, `is not {"${WINDOW_LOAD}": …}; give a window`);
    const load = readLoad(window[WINDOW_LOAD], source, `${at}.${WINDOW_LOAD}`);
    checkLike(load, windows[0] ?? load, source, `${at}.${WINDOW_LOAD}`, "window");
    windows.push(load);
  }
  return windows;
}

/** One matrix, or the sum of one for every step. */
function readCount(file: JsonObject, source: string): ExpertLoad {
  const count = file[LOGICAL_COUNT];
  if (!hasSteps(count)) return readLoad(count, source, LOGICAL_COUNT);
  let sum: ExpertLoad | null = null;
  for (const [step, matrix] of count.entries()) {
    const field = `${LOGICAL_COUNT}[${step}]`;
    const load = readLoad(matrix, source, field);
    sum ??= emptyLoad(load.layers, load.experts);
    checkLike(load, sum, source, field, "step");
    for (let i = 0; i < sum.tokens.length; i++) sum.tokens[i] += load.tokens[i];
  }
  return sum as ExpertLoad;
}

function hasSteps(count: unknown): count is readonly unknown[] {
  return Array.isArray(count) && Array.isArray(count[0]) && Array.isArray(count[0][0]);
}

function checkLike(load: ExpertLoad, first: ExpertLoad, source: string, field: string, what: string): void {
  if (load.layers === first.layers && load.experts === first.experts) return;
  const hint = `is ${load.layers} × ${load.experts}; expected ${first.layers} × ${first.experts} as in the first ${what}`;
  throw new InputError(source, field, hint);
}

function readLoad(value: unknown, source: string, field: string): ExpertLoad {
  const { rows, columns, values } = readMatrix(value, AMOUNT, source, field);
  return { layers: rows, experts: columns, tokens: values };
}

/** Leaves the rows of the layers that the file lists in `moe_layers`, if it does. @throws InputError */
export function numbered(windows: readonly ExpertLoad[], file: JsonObject, source: string): ExpertLoads {
  if (!(MOE_LAYERS in file)) return { windows, layers: null };
  const layers = readLayerNumbers(file[MOE_LAYERS], source, MOE_LAYERS);
  const { layers: count } = windows[0];
  if (layers.length === count) return { windows, layers };
  const rows = rowsOf(layers, consecutive(0, count));
  if (rows === null) {
    const hint = `lists layers ${sayLayers(layers)} for ${count} rows; expected one for each, or the model's layers in all`;
    throw new InputError(source, MOE_LAYERS, hint);
  }
  const listed = new Set(layers);
  const others = consecutive(0, count).filter((layer) => !listed.has(layer));
  for (const window of windows) {
    const counting = countingRow(window, others);
    if (counting < 0) continue;
    throw new InputError(source, MOE_LAYERS, `lacks layer ${counting}, which counts tokens; list it`);
  }
  return { windows: windows.map((window) => loadRows(window, rows)), layers };
}
