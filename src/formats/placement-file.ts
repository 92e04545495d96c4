import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { BOUND_KINDS, type Certificate } from "../model/certificate.ts";
import { CONSUMER_DISPATCHES } from "../model/consumer-dispatch.ts";
import type { LayerNumbers } from "../model/layer-numbers.ts";
import { MOVE_WAYS, type MoveWay } from "../model/move-way.ts";
import { type Placement, placementFault } from "../model/placement.ts";
import { slotCount, type Topology } from "../model/topology.ts";
import {
  AMOUNT,
  integerIn,
  isObject,
  type JsonObject,
  type Matrix,
  MOST,
  nest,
  type NumberRule,
  readJsonObject,
  readMatrix,
  readNumber,
  readWord,
} from "./json.ts";
import { readLayerNumbers } from "./layer-list.ts";

const FORMAT = "plimsoll.placement/1";

/** An expert's shares may sum to 1 within this. */
const SHARE_TOLERANCE = 1e-6;

const SIZE = integerIn(1, MOST);

/** A placement as `place` writes it and `dispatch` reads it. */
export interface PlacementFile {
  /** The model's name among config/models; null when only its shape is known. */
  readonly modelName: string | null;
  readonly placement: Placement;
  /** Which layer of the model each row is of; null where that is not known. */
  readonly layers: LayerNumbers | null;
  /** `[layers][slots]`: the fraction of its expert's tokens each slot gets. */
  readonly shares: ReadonlyNumbers;
  /** Slots that differ from the placement before, and their weights; bytes are null when the model is unknown. */
  readonly moves: { readonly slots: number; readonly bytes: number | null; readonly way?: MoveWay };
  /** Null when the placement was made without a load. */
  readonly certificate: Certificate | null;
  /** How long planning took. */
  readonly elapsedMs: number;
}

/** @param more fields beside those of a placement, such as what was asked for with it */
export function writePlacementFile(file: PlacementFile, more: JsonObject = {}): string {
  const { layers, experts, topology, physicalToLogical } = file.placement;
  const width = slotCount(topology);
  const record = {
    format: FORMAT,
    model: {
      name: file.modelName,
      layers,
      experts,
      ...(file.layers === null ? {} : { moeLayers: file.layers }),
    },
    topology,
    physical_to_logical_map: nest(physicalToLogical, width),
    shares: nest(file.shares, width),
    moves: file.moves,
    certificate: file.certificate,
    elapsedMs: file.elapsedMs,
    ...more,
  };
  return `${JSON.stringify(record)}\n`;
}

/** @throws InputError naming the first field at fault; what is returned is sound */
export function readPlacementFile(bytes: Uint8Array, source: string): PlacementFile {
  const file = readRecord(bytes, source);
  const model = readObject(file.model, source, "model");
  const name = model.name ?? null;
  if (name !== null && typeof name !== "string") {
    throw new InputError(source, "model.name", "is not a text; expected a name or null");
  }
  const placement = readMap(file, source);
  const { layers, topology } = placement;
  const width = slotCount(topology);
  readNumber(model.experts, integerIn(1, width), source, "model.experts");
  const fault = placementFault(placement);
  if (fault !== null) throw new InputError(source, "physical_to_logical_map", `${fault}; correct the map`);
  const shares = readRows(file, "shares", AMOUNT, layers, width, source).values;
  checkShares(placement, shares, source);
  const moves = readObject(file.moves, source, "moves");
  return {
    modelName: name,
    placement,
    layers: readMoeLayers(model.moeLayers, layers, source),
    shares,
    moves: {
      slots: readNumber(moves.slots, AMOUNT, source, "moves.slots"),
      bytes: moves.bytes === null ? null : readNumber(moves.bytes, AMOUNT, source, "moves.bytes"),
      ...(moves.way === undefined ? {} : { way: readWord(moves.way, MOVE_WAYS, source, "moves.way") }),
    },
    certificate: file.certificate === null ? null : readCertificate(file.certificate, layers, source),
    elapsedMs: readNumber(file.elapsedMs, AMOUNT, source, "elapsedMs"),
  };
}

/**
 * Reads only what each slot holds. Experts may be missing, as after a loss.
 * @throws InputError naming the first field at fault
 */
export function readHeldExperts(
  bytes: Uint8Array,
  source: string,
): Pick<PlacementFile, "placement" | "layers"> {
  const file = readRecord(bytes, source);
  const placement = readMap(file, source);
  const model = readObject(file.model, source, "model");
  return { placement, layers: readMoeLayers(model.moeLayers, placement.layers, source) };
}

function readRecord(bytes: Uint8Array, source: string): JsonObject {
  const file = readJsonObject(bytes, source);
  if (file.format === FORMAT) return file;
  throw new InputError(source, "format", `is not "${FORMAT}"; expected a placement that \`place\` wrote`);
}

function readMap(file: JsonObject, source: string): Placement {
  const model = readObject(file.model, source, "model");
  const topology = readTopology(file.topology, source);
  const layers = readNumber(model.layers, SIZE, source, "model.layers");
  const experts = readNumber(model.experts, SIZE, source, "model.experts");
  const id = integerIn(-1, experts - 1);
  const map = readRows(file, "physical_to_logical_map", id, layers, slotCount(topology), source);
  return { layers, experts, topology, physicalToLogical: Int32Array.from(map.values) };
}

/** Files of before it was written lack it. */
function readMoeLayers(value: unknown, rows: number, source: string): LayerNumbers | null {
  if (value === undefined || value === null) return null;
  const layers = readLayerNumbers(value, source, "model.moeLayers");
  if (layers.length === rows) return layers;
  throw new InputError(
    source,
    "model.moeLayers",
    `lists ${layers.length} layers; expected ${rows}, one for each row`,
  );
}

function readTopology(value: unknown, source: string): Topology {
  const topology = readObject(value, source, "topology");
  return {
    nodes: readNumber(topology.nodes, SIZE, source, "topology.nodes"),
    gpusPerNode: readNumber(topology.gpusPerNode, SIZE, source, "topology.gpusPerNode"),
    slotsPerGpu: readNumber(topology.slotsPerGpu, SIZE, source, "topology.slotsPerGpu"),
  };
}

function readRows(
  file: JsonObject,
  key: string,
  rule: NumberRule,
  layers: number,
  width: number,
  source: string,
): Matrix {
  const matrix = readMatrix(file[key], rule, source, key);
  if (matrix.rows !== layers || matrix.columns !== width) {
    const hint = `is ${matrix.rows} × ${matrix.columns}; expected ${layers} layers × ${width} slots`;
    throw new InputError(source, key, hint);
  }
  return matrix;
}

function checkShares(placement: Placement, shares: Float64Array, source: string): void {
  const { layers, experts, topology, physicalToLogical } = placement;
  const width = slotCount(topology);
  const sums = new Float64Array(experts);
  for (let layer = 0; layer < layers; layer++) {
    sums.fill(0);
    for (let slot = 0; slot < width; slot++) {
      const i = layer * width + slot;
      if (physicalToLogical[i] >= 0) sums[physicalToLogical[i]] += shares[i];
      else if (shares[i] !== 0) {
        throw new InputError(
          source,
          `shares[${layer}][${slot}]`,
          `is ${shares[i]} for an empty slot; expected 0`,
        );
      }
    }
    const wrong = sums.findIndex((sum) => Math.abs(sum - 1) > SHARE_TOLERANCE);
    if (wrong >= 0) {
      throw new InputError(
        source,
        `shares[${layer}]`,
        `sum to ${sums[wrong]} for expert ${wrong}; expected 1`,
      );
    }
  }
}

function readCertificate(value: unknown, layers: number, source: string): Certificate {
  const certificate = readObject(value, source, "certificate");
  const rows = certificate.layers;
  if (!Array.isArray(rows) || rows.length !== layers) {
    throw new InputError(
      source,
      "certificate.layers",
      `is not a list of ${layers} layers; give one entry each`,
    );
  }
  return {
    // Files of before it was written are of weighted shares.
    dispatch:
      certificate.dispatch === undefined
        ? "shares"
        : readWord(certificate.dispatch, CONSUMER_DISPATCHES, source, "certificate.dispatch"),
    balancedness: readNumber(certificate.balancedness, AMOUNT, source, "certificate.balancedness"),
    bound: readNumber(certificate.bound, AMOUNT, source, "certificate.bound"),
    gap: readNumber(certificate.gap, AMOUNT, source, "certificate.gap"),
    layers: rows.map((row: unknown, index) => {
      const field = `certificate.layers[${index}]`;
      const layer = readObject(row, source, field);
      return {
        max: readNumber(layer.max, AMOUNT, source, `${field}.max`),
        mean: readNumber(layer.mean, AMOUNT, source, `${field}.mean`),
        bound: readNumber(layer.bound, AMOUNT, source, `${field}.bound`),
        kind: readWord(layer.kind, BOUND_KINDS, source, `${field}.kind`),
        gap: readNumber(layer.gap, AMOUNT, source, `${field}.gap`),
      };
    }),
  };
}

function readObject(value: unknown, source: string, field: string): JsonObject {
  if (isObject(value)) return value;
  throw new InputError(source, field, "is not an object; expected {…}");
}
