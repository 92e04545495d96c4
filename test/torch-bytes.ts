import { storedZip } from "./stored-zip-bytes.ts";

/** Opcodes of a pickle that leave one value, put together by hand: also what `torch.save` would never write. */
export type Opcodes = Buffer;

const op = (text: string): Opcodes => Buffer.from(text, "latin1");

export const pickled = {
  op,
  none: op("N"),
  text(value: string): Opcodes {
    const bytes = Buffer.from(value);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    return Buffer.concat([op("X"), size, bytes]);
  },
  int(value: number | bigint): Opcodes {
    const bytes = Buffer.alloc(10);
    bytes.set([0x8a, 8]);
    bytes.writeBigInt64LE(BigInt(value), 2);
    return bytes;
  },
  list: (...items: readonly Opcodes[]) => Buffer.concat([op("]("), ...items, op("e")]),
  tuple: (...items: readonly Opcodes[]) => Buffer.concat([op("("), ...items, op("t")]),
  dict: (...items: readonly (readonly [string, Opcodes])[]) =>
    Buffer.concat([op("}("), ...items.flatMap(([key, value]) => [pickled.text(key), value]), op("u")]),
  /** Keeps the value under a number, to be recalled. */
  kept: (value: Opcodes, as: number) => Buffer.concat([value, op("q"), Buffer.of(as)]),
  recalled: (as: number) => Buffer.concat([op("h"), Buffer.of(as)]),
  storage: ({ key = "0", kind = "ByteStorage", count }: StorageClaim) =>
    Buffer.concat([
      pickled.tuple(
        pickled.text("storage"),
        op(`ctorch\n${kind}\n`),
        pickled.text(key),
        pickled.text("cpu"),
        pickled.int(count),
      ),
      op("Q"),
    ]),
  tensor: ({ shape, strides, offset = 0, ...storage }: TensorClaim) =>
    pickled.rebuilt(
      pickled.tuple(
        pickled.storage(storage),
        pickled.int(offset),
        pickled.tuple(...shape.map(pickled.int)),
        pickled.tuple(...strides.map(pickled.int)),
        op("\x89"),
        op("ccollections\nOrderedDict\n)R"),
      ),
    ),
  rebuilt: (args: Opcodes) => Buffer.concat([op("ctorch._utils\n_rebuild_tensor_v2\n"), args, op("R")]),
};

interface StorageClaim {
  readonly key?: string;
  readonly kind?: string;
  readonly count: number | bigint;
}

/** What a pickle says of a tensor, true or not. */
export interface TensorClaim extends StorageClaim {
  readonly shape: readonly (number | bigint)[];
  readonly strides: readonly (number | bigint)[];
  readonly offset?: number | bigint;
}

/** A `.pt` file of one value, beside storages by their names. */
export function torchFile(value: Opcodes, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const pickle = Buffer.concat([op("\x80\x02"), value, op(".")]);
  const data = Object.entries(storages).map(([key, bytes]) => [`a/data/${key}`, bytes] as const);
  return storedZip(new Map([["a/data.pkl", pickle], ...data]));
}
