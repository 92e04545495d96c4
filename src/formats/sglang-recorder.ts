import { InputError } from "../lib/errors.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import { AMOUNT, integerIn, type NumberRule, readNumber } from "./json.ts";
import { readTorchFile, Tensor } from "./torch-file.ts";

const LOGICAL_COUNT = "logical_count";
const RECORDS = "records";
const PHYSICAL_COUNT = "global_physical_count";
const MAP = "last_physical_to_logical_map";

/** Layers × experts, each of which takes 8 bytes; the largest models have 40,000. */
const MOST_COUNTS = 1 << 20;

type Dictionary = ReadonlyMap<unknown, unknown>;

/** What is summed. @param index of a step or pass @returns what messages call it */
type FieldOf = (index: number) => string;

/**
 * Reads a dump of SGLang's expert distribution recorder, its steps summed. Modes `stat` and `stat_approx` write
 * the logical counts of all ranks; `per_pass` and `per_token` write one file per rank with the physical counts
 * of each pass, which the map in force at the end turns into logical ones. A number of the file is added once: what is
 * read and made is in proportion to the file, whatever it claims.
 * @returns a row per layer of the model: SGLang counts dense layers too, all zero
 * @throws InputError
 */
export function readSglangRecorder(bytes: Uint8Array, source: string): ExpertLoad {
  const file = readTorchFile(bytes, source);
  if (file instanceof Map) {
    if (file.has(LOGICAL_COUNT)) return sumSteps(file, source);
    if (file.has(RECORDS)) return sumPasses(file, source);
  }
  const keys = `${LOGICAL_COUNT} (mode stat) nor ${RECORDS} (mode per_pass)`;
  throw new InputError(source, "", `has neither ${keys}; expected a dump of SGLang's recorder`);
}

/** `logical_count` is `[steps][layers][experts]`, or one step of it. */
function sumSteps(file: Dictionary, source: string): ExpertLoad {
  const count = readTensor(file, LOGICAL_COUNT, source, LOGICAL_COUNT);
  if (count.shape.length === 2) return sumMatrices([count], source, () => LOGICAL_COUNT);
  if (count.shape.length !== 3 || count.shape.includes(0)) {
    throw wrongShape(source, LOGICAL_COUNT, count, "[steps, layers, experts], none of them 0");
  }
  return sumMatrices(stepsOf(count), source, (step) => `${LOGICAL_COUNT}[${step}]`);
}

/** One after the other, as there may be as many as the file has bytes. */
function* stepsOf({ shape, strides, offset, storage }: Tensor): Generator<Tensor> {
  for (let step = 0; step < shape[0]; step++) {
    yield new Tensor(shape.slice(1), strides.slice(1), offset + step * strides[0], storage);
  }
}

function sumPasses(file: Dictionary, source: string): ExpertLoad {
  const records: unknown = file.get(RECORDS);
  if (!Array.isArray(records) || records.length === 0) {
    throw new InputError(source, RECORDS, "is not a list of passes; expected at least one");
  }
  const fieldOf: FieldOf = (pass) => `${RECORDS}[${pass}].${PHYSICAL_COUNT}`;
  const passes = records.map((record: unknown, pass) =>
    readTensor(record, PHYSICAL_COUNT, source, fieldOf(pass)),
  );
  const physical = sumMatrices(passes, source, fieldOf);
  const map = readTensor(file, MAP, source, MAP);
  const slots = physical.experts;
  if (map.shape.length !== 2 || map.shape[0] !== physical.layers || map.shape[1] !== slots) {
    throw wrongShape(source, MAP, map, `[${physical.layers}, ${slots}] as the counts`);
  }
  const held = new Int32Array(physical.layers * slots);
  addMatrix(held, map, integerIn(0, slots - 1), source, MAP);
  const experts = held.reduce((most, expert) => Math.max(most, expert), 0) + 1;
  const load = emptyLoad(physical.layers, experts);
  for (let i = 0; i < held.length; i++) {
    load.tokens[Math.floor(i / slots) * experts + held[i]] += physical.tokens[i];
  }
  return load;
}

/** @param matrices at least one, each of numbers that no other has */
function sumMatrices(matrices: Iterable<Tensor>, source: string, fieldOf: FieldOf): ExpertLoad {
  let sum: ExpertLoad | null = null;
  /** Numbers added of each storage. */
  const added = new Map<Tensor["storage"], number>();
  let index = 0;
  for (const matrix of matrices) {
    const { shape, storage } = matrix;
    if (shape.length !== 2 || shape.includes(0)) {
      throw wrongShape(source, fieldOf(index), matrix, "[layers, experts], neither of them 0");
    }
    const [layers, experts] = shape;
    if (layers * experts > MOST_COUNTS) {
      throw wrongShape(source, fieldOf(index), matrix, `at most ${MOST_COUNTS} counts`);
    }
    const all = (added.get(storage) ?? 0) + layers * experts;
    if (all > storage.length) {
      throw new InputError(
        source,
        fieldOf(index),
        "is of numbers that are counted already; copy the file again",
      );
    }
    added.set(storage, all);
    sum ??= emptyLoad(layers, experts);
    if (layers !== sum.layers || experts !== sum.experts) {
      throw wrongShape(source, fieldOf(index), matrix, `[${sum.layers}, ${sum.experts}] as the first`);
    }
    addMatrix(sum.tokens, matrix, AMOUNT, source, fieldOf(index));
    index++;
  }
  return sum ?? emptyLoad(0, 0);
}

/** Adds a matrix, element by element, to a row-major sum of its size. */
function addMatrix(
  sum: Float64Array | Int32Array,
  matrix: Tensor,
  rule: NumberRule,
  source: string,
  field: string,
): void {
  const { storage } = matrix;
  const [rows, columns] = matrix.shape;
  const [rowStride, columnStride] = matrix.strides;
  for (let row = 0; row < rows; row++) {
    let at = matrix.offset + row * rowStride;
    for (let column = 0; column < columns; column++, at += columnStride) {
      const value = storage[at];
      if (!rule.holds(value)) readNumber(value, rule, source, `${field}[${row}][${column}]`);
      sum[row * columns + column] += value;
    }
  }
}

function readTensor(record: unknown, key: string, source: string, field: string): Tensor {
  const value: unknown = record instanceof Map ? record.get(key) : undefined;
  if (value instanceof Tensor) return value;
  throw new InputError(source, field, `is ${value === undefined ? "missing" : "no tensor"}; expected counts`);
}

function wrongShape(source: string, field: string, { shape }: Tensor, expected: string): InputError {
  return new InputError(source, field, `has shape [${shape.join(", ")}]; expected ${expected}`);
}
