import { sumWindows } from "../../core/load/sum-windows.ts";
import {
  type ProblemNames,
  checkCapacity,
  checkLoaded,
  checkTopology,
} from "../../core/planning/check-problem.ts";
import { type PlacementProblem, solvePlacement } from "../../core/planning/solve-placement.ts";
import { type ExpertLoads, expertLoadsIn, numbered } from "../../formats/expert-load.ts";
import {
  AMOUNT,
  type JsonObject,
  type NumberRule,
  integerIn,
  decodeText,
  isObject,
  parseJsonObject,
  readMatrix,
  readNumber,
  readWord,
} from "../../formats/json.ts";
import { nestsDeeperThan } from "../../formats/json-depth.ts";
import { writePlacementFile } from "../../formats/placement-file.ts";
import { InputError } from "../../lib/errors.ts";
import { CONSUMER_DISPATCHES } from "../../model/consumer-dispatch.ts";
import { type LayerNumbers, layersOfRows } from "../../model/layer-numbers.ts";
import { type ExpertLoad, type NumberedLoad, countingRow } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import { type Topology, slotCount } from "../../model/topology.ts";
import { readTables, tablesOf } from "./solved-tables.ts";
import { MOST_IN_ALL, MOST_SLOTS, checkSize, checkSlots } from "./solve-limits.ts";

const FIELDS = [
  "load",
  "load_history",
  "logical_count",
  "moe_layers",
  "topology",
  "groups",
  "gpuSlots",
  "gpuSpeeds",
  "outOfService",
  "previous",
  "previousTopology",
  "maxMoves",
  "model",
  "dispatch",
  "entries",
  "sameForAllRanks",
];
/** A history is a list of objects with lists of rows. */
const DEEPEST = 8;
const BODY = "body";
const SIZE = integerIn(1, MOST_SLOTS);
const NAMES: ProblemNames = {
  slotsPerGpu: "topology.slotsPerGpu",
  groups: "groups",
  gpuSlots: "gpuSlots",
  gpuSpeeds: "gpuSpeeds",
  outOfService: "outOfService",
  refusal: (name, hint) => new InputError(BODY, name, hint),
};

/**
 * Solves what the body of `POST /ep/v1/solve` asks for.
 * @param models those that a body may name, for the weight of moved experts
 * @returns the placement file's text
 * @throws InputError naming the first field at fault
 */
export function solveBody(bytes: Uint8Array, models: readonly MoeModel[]): string {
  const text = decodeText(bytes, BODY);
  if (nestsDeeperThan(DEEPEST, text)) throw new InputError(BODY, "", `nests deeper than ${DEEPEST} levels`);
  const body = parseJsonObject(text, BODY, "");
  const unknown = Object.keys(body).find((key) => !FIELDS.includes(key));
  if (unknown !== undefined) throw new InputError(BODY, unknown, `is unknown; expected ${FIELDS.join(", ")}`);
  const file = readLoad(body);
  const model = readModel(body["model"], models);
  const layers = model === null ? file.layers : layersOf(model, file);
  const problem = readProblem(body, file.load, model);
  const tables = readTables(body, problem, BODY);
  const start = performance.now();
  const solution = solvePlacement(problem);
  const more = tables === null ? {} : tablesOf(solution, problem.load, tables);
  const elapsedMs = performance.now() - start;
  return writePlacementFile({ modelName: model?.name ?? null, layers, ...solution, elapsedMs }, more);
}

function readProblem(body: JsonObject, load: ExpertLoad, model: MoeModel | null): PlacementProblem {
  const topology = readTopology(body["topology"], "topology");
  checkSize(load, topology, BODY);
  const groups = body["groups"] === undefined ? 1 : readNumber(body["groups"], SIZE, BODY, "groups");
  checkTopology(topology, groups, load, NAMES);
  checkLoaded(load, BODY);
  const differences = {
    gpuSlots: readList(body, "gpuSlots", integerIn(0, MOST_SLOTS)),
    gpuSpeeds: readList(body, "gpuSpeeds", AMOUNT),
    outOfService: readList(body, "outOfService", integerIn(0, MOST_SLOTS)),
  };
  const { previous, maxMoves } = body;
  for (const field of ["maxMoves", "previousTopology"]) {
    if (body[field] === undefined || previous !== undefined) continue;
    throw new InputError(BODY, field, "is of a placement in force; give it as `previous`");
  }
  return {
    load,
    topology,
    capacity: checkCapacity(differences, topology, load, NAMES),
    groups,
    algorithm: "plimsoll",
    dispatch:
      body["dispatch"] === undefined
        ? "shares"
        : readWord(body["dispatch"], CONSUMER_DISPATCHES, BODY, "dispatch"),
    activation: null,
    routing: null,
    previous: previous === undefined ? null : readPrevious(body, load, topology),
    maxMoves:
      maxMoves === undefined ? null : readNumber(maxMoves, integerIn(0, MOST_IN_ALL), BODY, "maxMoves"),
    model,
  };
}

function readTopology(value: unknown, field: string): Topology {
  if (!isObject(value))
    throw new InputError(BODY, field, "is not {nodes, gpusPerNode, slotsPerGpu}; give all three");
  const size = (name: keyof Topology) => readNumber(value[name], SIZE, BODY, `${field}.${name}`);
  return {
    nodes: size("nodes"),
    gpusPerNode: size("gpusPerNode"),
    slotsPerGpu: size("slotsPerGpu"),
  };
}

/** The windows of a history are summed. */
function readLoad(body: JsonObject): NumberedLoad {
  const loads = "load" in body ? matrixLoad(body) : expertLoadsIn(body, BODY);
  if (loads === null)
    throw new InputError(
      BODY,
      "load",
      "is missing; expected [layers][experts] (or load_history, logical_count)",
    );
  return { load: sumWindows(loads.windows), layers: loads.layers };
}

function matrixLoad(body: JsonObject): ExpertLoads {
  const { rows, columns, values } = readMatrix(body["load"], AMOUNT, BODY, "load");
  return numbered([{ layers: rows, experts: columns, tokens: values }], body, BODY);
}

function readList(body: JsonObject, field: string, rule: NumberRule): readonly number[] | undefined {
  const value = body[field];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new InputError(BODY, field, "is not a list of numbers; give one");
  return value.map((entry: unknown, i) => readNumber(entry, rule, BODY, `${field}[${i}]`));
}

/** It may lack experts, as after a loss, and be of a pool of another size. */
function readPrevious(body: JsonObject, { layers, experts }: ExpertLoad, wanted: Topology): Placement {
  const { rows, columns, values } = readMatrix(
    body["previous"],
    integerIn(-1, experts - 1),
    BODY,
    "previous",
  );
  const given = body["previousTopology"];
  const topology = given === undefined ? likely(columns, wanted) : readTopology(given, "previousTopology");
  const slots = slotCount(topology);
  if (rows !== layers || columns !== slots) {
    const hint = `is ${rows} × ${columns}; expected ${layers} layers × ${slots} slots`;
    throw new InputError(
      BODY,
      "previous",
      given === undefined ? `${hint}, or previousTopology beside it` : hint,
    );
  }
  checkSlots(slots, layers, BODY, "previous");
  return { layers, experts, topology, physicalToLogical: Int32Array.from(values) };
}

/** A placement whose topology is not given has as many slots on each GPU as are wanted, where that can be. */
function likely(slots: number, topology: Topology): Topology {
  const gpusPerNode = slots / topology.slotsPerGpu;
  return Number.isInteger(gpusPerNode) && slots !== slotCount(topology)
    ? { ...topology, nodes: 1, gpusPerNode }
    : topology;
}

function readModel(name: unknown, models: readonly MoeModel[]): MoeModel | null {
  if (name === undefined || name === null) return null;
  const model = models.find((one) => one.name === name);
  if (model !== undefined) return model;
  const known = models.map((one) => one.name).join(", ");
  throw new InputError(BODY, "model", `is not known; leave it out, or expected one of ${known}`);
}

/** Which layers of the model the rows are of: those that route to experts, or all, of which the others are idle. */
function layersOf(model: MoeModel, { load, layers: given }: NumberedLoad): LayerNumbers {
  const { moeLayers, experts } = model;
  const layers = given ?? layersOfRows(load.layers, model);
  if (layers === null || experts !== load.experts) {
    const has = `has ${moeLayers.length} layers of ${experts} experts`;
    throw new InputError(BODY, "model", `${has}; expected the load's ${load.layers} of ${load.experts}`);
  }
  const routed = new Set(moeLayers);
  const others = [...layers.keys()].filter((row) => !routed.has(layers[row]));
  const counting = countingRow(load, others);
  if (counting < 0) return layers;
  const hint = `has no experts in layer ${layers[counting]}, of which the load counts tokens`;
  throw new InputError(BODY, "model", `${hint}; name the model that it is of`);
}
