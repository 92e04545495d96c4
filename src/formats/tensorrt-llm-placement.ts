import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { slotCount } from "../model/topology.ts";
import { decodeText, integerIn, type Matrix, MOST, nest, readNumber, readRows } from "./json.ts";
import { YamlNodes } from "./yaml-nodes.ts";

const ASSIGNMENTS = "initial_global_assignments";

/** A list may stand for several layers, so that the file's size says little. The largest models take 100,000. */
const MOST_SLOTS = 1 << 22;

/**
 * Reads a placement as TensorRT-LLM's `moe_config.load_balancer` does. The file says nothing of GPUs; its
 * layers are those that route to experts, by their number in the model.
 * @returns `[layers][slots]` logical experts
 * @throws InputError
 */
export function readTensorrtLlmMap(bytes: Uint8Array, source: string): Matrix {
  const yaml = new YamlNodes(decodeText(bytes, source), source);
  const file = yaml.mapping(yaml.root);
  if (file === null) throw new InputError(source, "", "is not a YAML mapping; expected num_slots and more");
  const slots = readNumber(yaml.plain(file.get("num_slots")), integerIn(1, MOST), source, "num_slots");
  const updates = yaml.plain(file.get("layer_updates_per_iter")) ?? 0;
  readNumber(updates, integerIn(0, MOST), source, "layer_updates_per_iter");
  const assignments = yaml.mapping(file.get(ASSIGNMENTS));
  if (assignments === null || assignments.size === 0) {
    throw new InputError(source, ASSIGNMENTS, "is no mapping of layers; expected {layer: [expert per slot]}");
  }
  const layers = [...assignments.keys()].toSorted((a, b) => Number(a) - Number(b));
  const first = Number(layers[0]);
  const odd = layers.find((key, row) => !isLayer(key) || Number(key) !== first + row);
  if (odd !== undefined) {
    const hint = "is no layer number after the one before; name every layer that routes to experts";
    throw new InputError(source, `${ASSIGNMENTS}.${odd}`, hint);
  }
  const rows = layers.map((key) => yaml.plain(assignments.get(key)));
  const width = Array.isArray(rows[0]) ? rows[0].length : 0;
  if (rows.length * width > MOST_SLOTS) {
    const hint = `is of ${rows.length} layers of ${width} slots; expected at most ${MOST_SLOTS} in all`;
    throw new InputError(source, ASSIGNMENTS, hint);
  }
  const map = readRows(rows, integerIn(0, MOST), source, (row) => `${ASSIGNMENTS}.${layers[row]}`);
  if (width !== slots) {
    throw new InputError(source, "num_slots", `is ${slots}; expected ${width} as layer ${first} lists`);
  }
  return map;
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

function isLayer(key: string): boolean {
  return /^\d{1,9}$/.test(key);
}
