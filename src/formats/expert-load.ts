import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import { AMOUNT, isObject, type JsonObject, nest, readJsonObject, readMatrix } from "./json.ts";

const LOAD_HISTORY = "load_history";
const WINDOW_LOAD = "logical_expert_load";
const LOGICAL_COUNT = "logical_count";

/**
 * Reads expert loads in either public form: `{"load_history":[{"logical_expert_load":[layers][experts]}…]}`
 * (the EPLB benchmark's; one window per entry) or `{"logical_count":[layers][experts]}` (SGLang's; one window).
 * @returns at least one window, all of one shape, in the file's order
 * @throws InputError naming the first entry that is no finite number ≥ 0, e.g. `logical_count[3][7]`
 */
export function readExpertLoads(bytes: Uint8Array, source: string): ExpertLoad[] {
  const windows = expertLoadsIn(readJsonObject(bytes, source), source);
  if (windows !== null) return windows;
  throw new InputError(source, "", `has neither ${LOAD_HISTORY} nor ${LOGICAL_COUNT}; give one of them`);
}

/** The same of what has been parsed already; null where it has neither form. */
export function expertLoadsIn(file: JsonObject, source: string): ExpertLoad[] | null {
  if (LOAD_HISTORY in file) return readHistory(file, source);
  if (LOGICAL_COUNT in file) return [readLoad(file, LOGICAL_COUNT, source, "")];
  return null;
}

/** Reads the first form only. */
export function readLoadHistory(bytes: Uint8Array, source: string): ExpertLoad[] {
  return readHistory(readJsonObject(bytes, source), source);
}

/** Reads the second form only. */
export function readLogicalCount(bytes: Uint8Array, source: string): ExpertLoad {
  return readLoad(readJsonObject(bytes, source), LOGICAL_COUNT, source, "");
}

/** Writes the first form. */
export function writeLoadHistory(windows: readonly ExpertLoad[]): string {
  const history = windows.map((load) => ({ [WINDOW_LOAD]: nest(load.tokens, load.experts) }));
  return `${JSON.stringify({ [LOAD_HISTORY]: history })}\n`;
}

/** Writes the second form, from which SGLang's `--init-expert-location` places by itself. */
export function writeLogicalCount(load: ExpertLoad): string {
  return `${JSON.stringify({ [LOGICAL_COUNT]: nest(load.tokens, load.experts) })}\n`;
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
    const load = readLoad(window, WINDOW_LOAD, source, `${at}.`);
    const first = windows[0] ?? load;
    if (load.layers !== first.layers || load.experts !== first.experts) {
      const hint = `is ${load.layers} × ${load.experts}; expected ${first.layers} × ${first.experts} as in the first window`;
      throw new InputError(source, `${at}.${WINDOW_LOAD}`, hint);
    }
    windows.push(load);
  }
  return windows;
}

function readLoad(record: JsonObject, key: string, source: string, path: string): ExpertLoad {
  const { rows, columns, values } = readMatrix(record[key], AMOUNT, source, `${path}${key}`);
  return { layers: rows, experts: columns, tokens: values };
}
