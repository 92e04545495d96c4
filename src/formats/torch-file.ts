import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { bytesPerNumber, decodeNumbers, type NumberKind } from "./numbers.ts";
import { PickleGlobal, type PickleHost, readPickle } from "./pickle.ts";
import { readStoredZip } from "./stored-zip.ts";

/**
 * A view of a storage: element (i, j, …) is `storage[offset + i · strides[0] + j · strides[1] + …]`. It has no more
 * elements than its storage; one without elements may still have axes of any length. Several may view one storage.
 */
export class Tensor {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  readonly storage: ReadonlyNumbers;

  /** Every element must lie in the storage. */
  constructor(
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    storage: ReadonlyNumbers,
  ) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.storage = storage;
  }
}

const PICKLE = "data.pkl";
const REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
const ORDERED_DICT = "collections.OrderedDict";

/** Storages of numbers that a count can be kept in. */
const STORAGES: Readonly<Record<string, NumberKind>> = {
  "torch.ByteStorage": "u1",
  "torch.CharStorage": "i1",
  "torch.ShortStorage": "i2",
  "torch.IntStorage": "i4",
  "torch.LongStorage": "i8",
  "torch.FloatStorage": "f4",
  "torch.DoubleStorage": "f8",
};

/** Counts have three at most; torch itself knows 64. */
const MOST_AXES = 8;
/** Storages are named by their number. */
const LONGEST_NAME = 32;
const LITTLE = "little";

const GLOBALS = new Set([REBUILD_TENSOR, ORDERED_DICT, ...Object.keys(STORAGES)]);

/** What a tensor's persistent id stands for. */
class Storage {
  readonly values: ReadonlyNumbers;

  constructor(values: ReadonlyNumbers) {
    this.values = values;
  }
}

/**
 * Reads what `torch.save` wrote (torch 1.6 and later): plain data, and tensors of integers and floats from any
 * device. Nothing in the file is executed: whatever else its pickle names is refused.
 * @returns as readPickle does, with `Tensor` for tensors
 * @throws InputError
 */
export function readTorchFile(bytes: Uint8Array, source: string): unknown {
  const entries = readStoredZip(bytes, source);
  const pickle = entries.keys().find((name) => name.endsWith(`/${PICKLE}`));
  if (pickle === undefined) {
    throw new InputError(source, PICKLE, "is missing; expected what torch.save writes");
  }
  const folder = pickle.slice(0, -PICKLE.length);
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder !== undefined && !says(byteOrder, LITTLE)) {
    throw new InputError(source, "byteorder", "is not little; save the file on a little-endian machine");
  }
  const storages = new StorageReader(entries, `${folder}data/`, source);
  const host: PickleHost = {
    globals: GLOBALS,
    call: (global, args) => {
      if (global === REBUILD_TENSOR) return rebuildTensor(args, source);
      return global === ORDERED_DICT && args.length === 0 ? new Map() : undefined;
    },
    load: (id) => storages.load(id),
  };
  return readPickle(entries.get(pickle) as Uint8Array, host, source, PICKLE);
}

function says(bytes: Uint8Array, text: string): boolean {
  return bytes.length === text.length && new TextDecoder().decode(bytes) === text;
}

/** Storages by name, each of one type and decoded once: views may share one. */
class StorageReader {
  readonly #entries: ReadonlyMap<string, Uint8Array>;
  readonly #folder: string;
  readonly #source: string;
  readonly #loaded = new Map<string, { readonly kind: NumberKind; readonly storage: Storage }>();

  constructor(entries: ReadonlyMap<string, Uint8Array>, folder: string, source: string) {
    this.#entries = entries;
    this.#folder = folder;
    this.#source = source;
  }

  /** @param id `("storage", type, name, device, count)`; undefined for any other */
  load(id: unknown): Storage | undefined {
    if (!Array.isArray(id) || id.length !== 5) return undefined;
    const [mark, type, name, , count] = id as readonly unknown[];
    const kind = type instanceof PickleGlobal ? STORAGES[type.name] : undefined;
    if (mark !== "storage" || kind === undefined || !isSize(count)) return undefined;
    if (typeof name !== "string" || name.length > LONGEST_NAME) return undefined;
    const field = `storage ${name}`;
    const bytes = this.#entries.get(this.#folder + name);
    if (bytes === undefined) throw new InputError(this.#source, field, "is missing; copy the file again");
    const needed = count * bytesPerNumber(kind);
    if (bytes.length !== needed) {
      throw new InputError(this.#source, field, `has ${bytes.length} bytes; expected ${needed}`);
    }
    const loaded = this.#loaded.get(name);
    if (loaded === undefined) {
      const storage = new Storage(decodeNumbers(kind, bytes, this.#source, field));
      this.#loaded.set(name, { kind, storage });
      return storage;
    }
    if (loaded.kind !== kind)
      throw new InputError(this.#source, field, "is of two types; expected the file as torch.save wrote it");
    return loaded.storage;
  }
}

/** @param args `(storage, offset, shape, strides, requires_grad, hooks)` */
function rebuildTensor(args: readonly unknown[], source: string): Tensor | undefined {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof Storage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides))
    return undefined;
  if (shape.length !== strides.length) return undefined;
  // Axes are few, and a size below 2^53: the product is a number.
  const elements = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((at, size, axis) => at + (size - 1) * strides[axis], offset);
  const held = storage.values.length;
  if (elements > held || (elements > 0 && last >= held)) {
    const hint = `[${shape.join(", ")}] reaches beyond its storage of ${held} numbers; copy the file again`;
    throw new InputError(source, "tensor", hint);
  }
  return new Tensor(shape, strides, offset, storage.values);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length <= MOST_AXES && value.every(isSize);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
