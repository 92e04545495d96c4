import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { gpuCount, slotCount } from "../model/topology.ts";
import {
  integerIn,
  isObject,
  type JsonObject,
  type Matrix,
  MOST,
  nest,
  readJsonObject,
  readMatrix,
  readNumber,
} from "./json.ts";

/** What a vllm-ascend map says: it names GPUs, but no nodes. */
export interface VllmAscendMap {
  readonly gpus: number;
  /** `[layers][slots]` logical experts, slots GPU-major. */
  readonly map: Matrix;
}

/**
 * Reads a placement as vllm-ascend's static map: layers that route to experts, and devices, in the order of their ids,
 * from 0.
 * @param sharedExperts fused shared experts of its mix placement, one of which every device has last: they are left out
 * @throws InputError naming the first field at fault
 */
export function readVllmAscendMap(bytes: Uint8Array, source: string, sharedExperts = 0): VllmAscendMap {
  const file = readJsonObject(bytes, source);
  const layers = readList(file, "layer_list", "moe_layer_count", "", source);
  const rows = layers.map((layer, index) => {
    const path = `layer_list[${index}].`;
    expectNumber(layer, "layer_id", index, path, source);
    const devices = readList(layer, "device_list", "device_count", path, source);
    const experts = devices.map((device, gpu) => {
      expectNumber(device, "device_id", gpu, `${path}device_list[${gpu}].`, source);
      return device.device_expert;
    });
    return readMatrix(experts, integerIn(0, MOST), source, `${path}device_list.device_expert`);
  });
  const { rows: gpus, columns } = rows[0];
  const odd = rows.findIndex((row) => row.rows !== gpus || row.columns !== columns);
  if (odd >= 0) {
    const hint = `has ${rows[odd].rows} devices of ${rows[odd].columns} experts; expected ${gpus} of ${columns} as in the first`;
    throw new InputError(source, `layer_list[${odd}]`, hint);
  }
  const slots = columns - (sharedExperts > 0 ? 1 : 0);
  const width = gpus * slots;
  const values = new Float64Array(rows.length * width);
  for (const [index, row] of rows.entries()) {
    if (sharedExperts > 0) checkShared(row, sharedExperts, source, `layer_list[${index}]`);
    for (let at = 0; at < width; at++) {
      values[index * width + at] = row.values[Math.floor(at / slots) * columns + (at % slots)];
    }
  }
  return { gpus, map: { rows: rows.length, columns: width, values } };
}

/**
 * What vllm-ascend reads as `expert_map_path`.
 * @param sharedExperts as readVllmAscendMap takes them
 */
export function writeVllmAscendMap(placement: Placement, sharedExperts = 0): string {
  const { experts, topology, physicalToLogical } = placement;
  const layers = nest(physicalToLogical, slotCount(topology)).map((slots, layer) => ({
    layer_id: layer,
    device_count: gpuCount(topology),
    device_list: nest(slots, topology.slotsPerGpu).map((own, device_id) => ({
      device_id,
      device_expert: sharedExperts > 0 ? [...own, experts + (device_id % sharedExperts)] : own,
    })),
  }));
  return `${JSON.stringify({ moe_layer_count: placement.layers, layer_list: layers })}\n`;
}

/** Shared experts are numbered behind the routed ones, and devices have them in turn. */
function checkShared(
  { rows, columns, values }: Matrix,
  sharedExperts: number,
  source: string,
  field: string,
): void {
  let experts = 0;
  for (let i = 0; i < values.length; i++)
    if (i % columns < columns - 1) experts = Math.max(experts, values[i] + 1);
  for (let device = 0; device < rows; device++) {
    const last = values[(device + 1) * columns - 1];
    const expected = experts + (device % sharedExperts);
    if (last === expected && columns > 1) continue;
    const where = `${field}.device_list[${device}].device_expert`;
    throw new InputError(
      source,
      where,
      `ends in ${last}; expected shared expert ${expected}, or no --shared-experts`,
    );
  }
}

/** A list of objects whose length another field gives. */
function readList(
  record: JsonObject,
  key: string,
  countKey: string,
  path: string,
  source: string,
): readonly JsonObject[] {
  const list = record[key];
  if (!Array.isArray(list) || list.length === 0 || !list.every(isObject)) {
    throw new InputError(source, path + key, "is not a list of objects; expected at least one");
  }
  expectNumber(record, countKey, list.length, path, source);
  return list;
}

function expectNumber(record: JsonObject, key: string, expected: number, path: string, source: string): void {
  const rule = { holds: (value: unknown) => value === expected, expected: String(expected) };
  readNumber(record[key], rule, source, path + key);
}
