import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import type { LayerNumbers } from "../model/layer-numbers.ts";
import { slotCount } from "../model/topology.ts";
import { decodeText, integerIn, type Matrix, MOST, nest, readNumber, readRows } from "./json.ts";
import { LAST_LAYER } from "./layer-list.ts";
import { YamlNodes } from "./yaml-nodes.ts";

const ASSIGNMENTS = "initial_global_assignments";

/** A list may stand for several layers, so that the file's size says little. The largest models take 100,000. */
const MOST_SLOTS = 1 << 22;

/** What a load balancer file says of layers and slots; it says nothing of GPUs. */
export interface TensorrtLlmMap {
  /** `[layers][slots]` logical experts. */
  readonly map: Matrix;
  /** Numbers of the layers that route to experts, one for each row. */
  readonly layers: LayerNumbers;
}

/**
 * Reads a placement as TensorRT-LLM's `moe_config.load_balancer` does.
 * @throws InputError
 */
export function readTensorrtLlmMap(bytes: Uint8Array, source: string): TensorrtLlmMap {
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
  const keys = [...assignments.keys()].toSorted((a, b) => Number(a) - Number(b));
  const odd = keys.find((key, row) => !isLayer(key) || (row > 0 && Number(key) === Number(keys[row - 1])));
  if (odd !== undefined) {
    throw new InputError(
      source,
      `${ASSIGNMENTS}.${odd}`,
      `is no layer number of its own; expected some of 0..${LAST_LAYER}`,
    );
  }
  const rows = keys.map((key) => yaml.plain(assignments.get(key)));
  const width = Array.isArray(rows[0]) ? rows[0].length : 0;
  if (rows.length * width > MOST_SLOTS) {
    const hint = `is of ${rows.length} layers of ${width} slots; expected at most ${MOST_SLOTS} in all`;
    throw new InputError(source, ASSIGNMENTS, hint);
  }
  const map = readRows(rows, integerIn(0, MOST), source, (row) => `${ASSIGNMENTS}.${keys[row]}`);
  if (width !== slots) {
    throw new InputError(source, "num_slots", `is ${slots}; expected ${width} as layer ${keys[0]} lists`);
  }
  return { map, layers: keys.map(Number) };
}

/**
 * What TensorRT-LLM's `moe_config.load_balancer` reads, as its own generator lays it out; the placement stays
 * as it is (`layer_updates_per_iter` 0).
 * @param layers which layer of the model each row is of
 */
export function writeTensorrtLlmMap(placement: Placement, layers: LayerNumbers): string {
  const slots = slotCount(placement.topology);
  const rows = nest(placement.physicalToLogical, slots).map(
    (experts, row) => `  ${layers[row]}: [${experts.join(", ")}]\n`,
  );
  return `${ASSIGNMENTS}:\n${rows.join("")}layer_updates_per_iter: 0\nnum_slots: ${slots}\n`;
}

function isLayer(key: string): boolean {
  return /^\d{1,4}$/.test(key);
}
