import { parse } from "yaml";
import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { slotCount } from "../model/topology.ts";
import { decodeText, integerIn, isObject, type Matrix, MOST, nest, readNumber, readRow } from "./json.ts";

const ASSIGNMENTS = "initial_global_assignments";

/**
 * Reads a placement as TensorRT-LLM's `moe_config.load_balancer` does. The file says nothing of GPUs; its
 * layers are those that route to experts, by their number in the model.
 * @returns `[layers][slots]` logical experts
 * @throws InputError
 */
export function readTensorrtLlmMap(bytes: Uint8Array, source: string): Matrix {
  const file = parseYaml(decodeText(bytes, source), source);
  if (!isObject(file)) throw new InputError(source, "", "is not a YAML mapping; expected num_slots and more");
  const slots = readNumber(file.num_slots, integerIn(1, MOST), source, "num_slots");
  readNumber(file.layer_updates_per_iter ?? 0, integerIn(0, MOST), source, "layer_updates_per_iter");
  const assignments = file[ASSIGNMENTS];
  if (!isObject(assignments) || Object.keys(assignments).length === 0) {
    throw new InputError(source, ASSIGNMENTS, "is no mapping of layers; expected {layer: [expert per slot]}");
  }
  // Integer keys of an object come in ascending order.
  const layers = Object.keys(assignments);
  const first = Number(layers[0]);
  const odd = layers.find((key, row) => !isLayer(key) || Number(key) !== first + row);
  if (odd !== undefined) {
    const mend = "is no layer number after the one before; name every layer that routes to experts";
    throw new InputError(source, `${ASSIGNMENTS}.${odd}`, mend);
  }
  const width = Array.isArray(assignments[first]) ? assignments[first].length : 0;
  const values = new Float64Array(layers.length * width);
  for (const [row, key] of layers.entries()) {
    const cells = values.subarray(row * width, (row + 1) * width);
    readRow(assignments[key], integerIn(0, MOST), cells, `layer ${first}`, source, `${ASSIGNMENTS}.${key}`);
  }
  if (width !== slots) {
    throw new InputError(source, "num_slots", `is ${slots}; expected ${width} as layer ${first} lists`);
  }
  return { rows: layers.length, columns: width, values };
}

/**
 * What TensorRT-LLM's `moe_config.load_balancer` reads, as its own generator lays it out; the placement stays
 * as it is (`layer_updates_per_iter` 0).
 * @param firstLayer number of the first layer that routes to experts, in the model
 */
export function writeTensorrtLlmMap(placement: Placement, firstLayer: number): string {
  const slots = slotCount(placement.topology);
  const rows = nest(placement.physicalToLogical, slots).map(
    (experts, row) => `  ${firstLayer + row}: [${experts.join(", ")}]\n`,
  );
  return `${ASSIGNMENTS}:\n${rows.join("")}layer_updates_per_iter: 0\nnum_slots: ${slots}\n`;
}

function parseYaml(text: string, source: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch (error) {
    const reason = (error as Error).message.split("\n", 1)[0].replace(/:$/, "");
    throw new InputError(source, "", `is not YAML (${reason}); is the file whole?`);
  }
}

function isLayer(key: string): boolean {
  return /^\d{1,9}$/.test(key);
}
