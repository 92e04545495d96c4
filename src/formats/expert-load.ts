import { InputError } from "../lib/errors.ts";
import type { ExpertLoad } from "../model/load.ts";
import { AMOUNT, isObject, type JsonObject, nest, readJsonObject, readMatrix } from "./json.ts";
import { LOGICAL_COUNT } from "./sglang.ts";

const LOAD_HISTORY = "load_history";

/**
 * Reads expert loads in either public form: `{"load_history":[{"logical_expert_load":[layers][experts]}…]}`
 * (the EPLB benchmark's; one window per entry) or `{"logical_count":[layers][experts]}` (SGLang's; one window).
 * @returns at least one window, all of one shape, in the file's order
 * @throws InputError naming the first entry that is no finite number ≥ 0, e.g. `logical_count[3][7]`
 */
export function readExpertLoads(bytes: Uint8Array, source: string): ExpertLoad[] {
  const file = readJsonObject(bytes, source);
  if (LOAD_HISTORY in file) return readHistory(file, source);
  if (LOGICAL_COUNT in file) return [readLoad(file[LOGICAL_COUNT], source, LOGICAL_COUNT)];
  throw new InputError(source, "", `has neither ${LOAD_HISTORY} nor ${LOGICAL_COUNT}; give one of them`);
}

/** The public EPLB benchmark's form of one or more windows. */
export function writeLoadHistory(windows: readonly ExpertLoad[]): string {
  const history = windows.map((load) => ({ logical_expert_load: nest(load.tokens, load.experts) }));
  return `${JSON.stringify({ [LOAD_HISTORY]: history })}\n`;
}

function readHistory(file: JsonObject, source: string): ExpertLoad[] {
  const history = file[LOAD_HISTORY];
  if (!Array.isArray(history) || history.length === 0) {
    throw new InputError(source, LOAD_HISTORY, "is not a list of windows; expected at least one");
  }
  const windows: ExpertLoad[] = [];
  for (const [index, window] of history.entries()) {
    const at = `${LOAD_HISTORY}[${index}]`;
    if (!isObject(window))
      throw new InputError(source, at, 'is not {"logical_expert_load": …}; give a window');
    const field = `${at}.logical_expert_load`;
    const load = readLoad(window.logical_expert_load, source, field);
    const first = windows[0] ?? load;
    if (load.layers !== first.layers || load.experts !== first.experts) {
      const shape = `${load.layers} × ${load.experts}`;
      throw new InputError(
        source,
        field,
        `is ${shape}; expected ${first.layers} × ${first.experts} as in the first window`,
      );
    }
    windows.push(load);
  }
  return windows;
}

function readLoad(value: unknown, source: string, field: string): ExpertLoad {
  const { rows, columns, values } = readMatrix(value, AMOUNT, source, field);
  return { layers: rows, experts: columns, tokens: values };
}
