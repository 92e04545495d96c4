import { InputError } from "../lib/errors.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import { integerIn } from "./json.ts";
import { TensorCounts, forEach, wrongShape } from "./tensor-counts.ts";
import { readTorchFile, Tensor } from "./torch-file.ts";

const LOGICAL_COUNT = "logical_count";
const RECORDS = "records";
const PHYSICAL_COUNT = "global_physical_count";
const TOPK_IDS = "topk_ids_of_layer";
const MAP = "last_physical_to_logical_map";

type Dictionary = ReadonlyMap<unknown, unknown>;

/** What one file of SGLang's recorder holds, its steps or passes summed. */
export interface RecorderDump {
  /** A row per layer of the model: SGLang counts dense layers too, all zero. */
  readonly load: ExpertLoad;
  /** The ranks whose passes they are; null where those of all ranks are summed already (modes stat and stat_approx). */
  readonly ranks: readonly number[] | null;
  /** What names each pass of a rank. */
  readonly passes: ReadonlySet<string>;
}

/** Reads a dump's load alone. @throws InputError */
export function readSglangRecorder(bytes: Uint8Array, source: string): ExpertLoad {
  return readRecorderDump(bytes, source).load;
}

/**
 * Reads a dump of SGLang's expert distribution recorder. Modes `stat` and `stat_approx` write the logical counts of all
 * ranks; `per_pass` and `per_token` write one file per rank with each pass's physical counts, or in versions up to 0.4.8
 * only the physical experts of its tokens, which the map in force at the end turns into logical ones.
 * @throws InputError
 */
export function readRecorderDump(bytes: Uint8Array, source: string): RecorderDump {
  const file = readTorchFile(bytes, source);
  if (file instanceof Map) {
    if (file.has(LOGICAL_COUNT)) return { load: sumSteps(file, source), ranks: null, passes: new Set() };
    if (file.has(RECORDS)) return sumPasses(file, source);
  }
  const keys = `${LOGICAL_COUNT} (mode stat) nor ${RECORDS} (mode per_pass)`;
  throw new InputError(source, "", `has neither ${keys}; expected a dump of SGLang's recorder`);
}

/** `logical_count` is `[steps][layers][experts]`, or one step of it. */
function sumSteps(file: Dictionary, source: string): ExpertLoad {
  const count = readTensor(file, LOGICAL_COUNT, source, LOGICAL_COUNT);
  const { shape } = count;
  if (shape.length < 2 || shape.length > 3 || shape.includes(0)) {
    throw wrongShape(source, LOGICAL_COUNT, count, "[steps, layers, experts], none of them 0");
  }
  const [layers, experts] = shape.slice(-2);
  const counts = new TensorCounts(layers, experts, source, LOGICAL_COUNT);
  if (shape.length === 2) counts.add(count, LOGICAL_COUNT);
  else for (const [step, matrix] of stepsOf(count)) counts.add(matrix, `${LOGICAL_COUNT}[${step}]`);
  return { layers, experts, tokens: counts.sums };
}

/** One after the other, as there may be as many as the file has bytes. */
function* stepsOf({ shape, strides, offset, storage }: Tensor): Generator<[number, Tensor]> {
  for (let step = 0; step < shape[0]; step++) {
    yield [step, new Tensor(shape.slice(1), strides.slice(1), offset + step * strides[0], storage)];
  }
}

function sumPasses(file: Dictionary, source: string): RecorderDump {
  const records: unknown = file.get(RECORDS);
  if (!Array.isArray(records) || records.length === 0) {
    throw new InputError(source, RECORDS, "is not a list of passes; expected at least one");
  }
  const map = readTensor(file, MAP, source, MAP);
  if (map.shape.length !== 2 || map.shape.includes(0)) {
    throw wrongShape(source, MAP, map, "[layers, slots], neither of them 0");
  }
  const [layers, slots] = map.shape;
  const physical = new TensorCounts(layers, slots, source, MAP);
  const ranks = new Set<number>();
  const passes = new Set<string>();
  for (const [pass, record] of (records as readonly unknown[]).entries()) {
    addPass(physical, record, source, `${RECORDS}[${pass}]`);
    const [rank, id, key] = ["rank", "forward_pass_id", "gatherer_key"].map((name) => fieldOf(record, name));
    if (typeof rank !== "number") continue;
    ranks.add(rank);
    const part = typeof key === "string" ? ` (${key})` : "";
    if (typeof id === "number") passes.add(`pass ${id} of rank ${rank}${part}`);
  }
  return { load: logicalLoad(physical, map, source), ranks: [...ranks], passes };
}

/** Counts where there are any, else the tokens' experts. */
function addPass(physical: TensorCounts, record: unknown, source: string, field: string): void {
  const ids = fieldOf(record, TOPK_IDS);
  if (fieldOf(record, PHYSICAL_COUNT) === undefined && ids instanceof Tensor) {
    physical.addIds(ids, `${field}.${TOPK_IDS}`);
    return;
  }
  const name = `${field}.${PHYSICAL_COUNT}`;
  physical.add(readTensor(record, PHYSICAL_COUNT, source, name), name);
}

function logicalLoad({ rows, columns, sums }: TensorCounts, map: Tensor, source: string): ExpertLoad {
  const held = new Int32Array(rows * columns);
  forEach(map, integerIn(0, columns - 1), source, MAP, (expert, layer, slot) => {
    held[layer * columns + slot] = expert;
  });
  const experts = held.reduce((most, expert) => Math.max(most, expert), 0) + 1;
  const load = emptyLoad(rows, experts);
  for (let i = 0; i < held.length; i++) {
    load.tokens[Math.floor(i / columns) * experts + held[i]] += sums[i];
  }
  return load;
}

function fieldOf(record: unknown, key: string): unknown {
  return record instanceof Map ? record.get(key) : undefined;
}

function readTensor(record: unknown, key: string, source: string, field: string): Tensor {
  const value = fieldOf(record, key);
  if (value instanceof Tensor) return value;
  throw new InputError(source, field, `is ${value === undefined ? "missing" : "no tensor"}; expected counts`);
}
