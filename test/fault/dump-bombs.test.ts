import { afterAll, expect, test } from "vitest";
import { endReading, readApart } from "../read-apart.ts";
import { storedZip } from "../stored-zip-bytes.ts";
import { type Opcodes, pickled, torchFile } from "../torch-bytes.ts";
import { zipOf } from "../zip-claims.ts";

const { op, dict, kept, int, list, none, recalled, storage, tensor, tuple } = pickled;
const times = (count: number, part: Opcodes) => Buffer.concat(Array.from({ length: count }, () => part));
const MEBI = new Uint8Array(1 << 20).fill(1);

/** Lists of two that are each the same list of two, and so on: 2^60 numbers, were they counted out. */
const doubled = list(
  kept(list(int(1)), 0),
  ...Array.from({ length: 60 }, () => kept(list(recalled(0), recalled(0)), 0)),
);
const deep = Buffer.concat([times(100_000, op("](")), none, times(100_000, op("e"))]);
const counts = (value: Opcodes) => dict(["logical_count", value]);
/** Passes over storage 0, and a map of its size, all of expert 0. */
const recorded = (records: Opcodes) => {
  const map = tensor({ key: "1", shape: [1, 1 << 20], strides: [1 << 20, 1], count: 1 << 20 });
  const value = dict(["records", records], ["last_physical_to_logical_map", map]);
  return torchFile(value, { "0": MEBI, "1": new Uint8Array(1 << 20) });
};
/** A storage's id, whose count is what is given. */
const counted = (count: Opcodes) =>
  Buffer.concat([
    tuple(
      pickled.text("storage"),
      op("ctorch\nByteStorage\n"),
      pickled.text("0"),
      pickled.text("cpu"),
      count,
    ),
    op("Q"),
  ]);

/** Dumps that cost next to nothing to make, and did or could cost seconds, gigabytes or the process to read. */
const BOMBS: Readonly<Record<string, readonly [() => Uint8Array, refusal: string]>> = {
  "many steps of nothing": [
    () =>
      torchFile(counts(tensor({ shape: [1e8, 0, 0], strides: [0, 0, 0], count: 4 })), {
        "0": new Uint8Array(4),
      }),
    "logical_count has shape [100000000, 0, 0]",
  ],
  "many layers of nothing": [
    () =>
      torchFile(counts(tensor({ shape: [2 ** 52, 0], strides: [0, 0], count: 4 })), {
        "0": new Uint8Array(4),
      }),
    "logical_count has shape [4503599627370496, 0]",
  ],
  "more counts than any model has": [
    () => {
      const bytes = new Uint8Array(2 << 20).fill(1);
      const claim = { shape: [1, 2 << 20], strides: [0, 1], count: 2 << 20 };
      return torchFile(counts(tensor(claim)), { "0": bytes });
    },
    "logical_count is of 1 × 2097152 counts; expected at most 1048576",
  ],
  "a tensor of many axes": [
    () => {
      const shape = [0, ...Array<number>(400).fill(1e9)];
      const claim = { shape, strides: shape, count: 4 };
      return torchFile(counts(tensor(claim)), { "0": new Uint8Array(4) });
    },
    "data.pkl call of torch._utils._rebuild_tensor_v2",
  ],
  "a step that is many": [
    () =>
      torchFile(
        counts(tensor({ shape: [1000, 1 << 10, 1 << 10], strides: [0, 1 << 10, 1], count: 1 << 20 })),
        { "0": MEBI },
      ),
    "tensor [1000, 1024, 1024] reaches beyond its storage",
  ],
  "a pass that is many": [
    () => {
      const pass = dict([
        "global_physical_count",
        tensor({ shape: [1, 1 << 20], strides: [1 << 20, 1], count: 1 << 20 }),
      ]);
      return recorded(list(kept(pass, 1), times(1000, recalled(1))));
    },
    "records[1].global_physical_count is of numbers that are counted already",
  ],
  "views of one storage as passes": [
    () => {
      const view = tensor({ shape: [1, 1 << 20], strides: [1 << 20, 1], count: 1 << 20 });
      const passes = times(1000, dict(["global_physical_count", view]));
      return recorded(list(passes));
    },
    "records[1].global_physical_count is of numbers that are counted already",
  ],
  "views of one storage as tokens": [
    () => {
      const view = tensor({ shape: [1, 1 << 20, 1], strides: [0, 1, 1], count: 1 << 20 });
      return recorded(list(times(1000, dict(["topk_ids_of_layer", view]))));
    },
    "records[1].topk_ids_of_layer is of numbers that are counted already",
  ],
  "a map of more slots than any model has": [
    () => {
      const map = tensor({ shape: [1, 2 << 20], strides: [0, 1], count: 2 << 20 });
      const value = dict(["records", list(none)], ["last_physical_to_logical_map", map]);
      return torchFile(value, { "0": new Uint8Array(2 << 20) });
    },
    "last_physical_to_logical_map is of 1 × 2097152 counts; expected at most 1048576",
  ],
  "entries that are one entry": [
    () => {
      const named = Array.from({ length: 3000 }, (_, i) => ({
        name: `a/${i}`,
        size: 600,
        header: 0,
        checksum: 0,
      }));
      return zipOf(named, { zip64: true });
    },
    "entry a/259 shares its bytes with others",
  ],
  "a directory of endless entries": [
    () =>
      zipOf([{ name: "a", size: 1, header: 0, checksum: 0 }], {
        entries: Number.MAX_SAFE_INTEGER,
        zip64: true,
      }),
    "is a damaged zip file",
  ],
  "a shape without end, used again": [
    () => {
      const args = tuple(
        storage({ count: 4 }),
        int(0),
        kept(list(times(30_000, int(1))), 1),
        recalled(1),
        none,
        none,
      );
      const again = Buffer.concat([recalled(2), recalled(3), op("R")]);
      const first = Buffer.concat([kept(op("ctorch._utils\n_rebuild_tensor_v2\n"), 2), kept(args, 3)]);
      return torchFile(list(first, op("R"), times(30_000, again)), { "0": new Uint8Array(4) });
    },
    "data.pkl call of torch._utils._rebuild_tensor_v2",
  ],
  "a storage of a long name, used again": [
    () => {
      const key = "x".repeat(60_000);
      const id = tuple(
        pickled.text("storage"),
        op("ctorch\nByteStorage\n"),
        pickled.text(key),
        pickled.text("cpu"),
        int(4),
      );
      const again = Buffer.concat([recalled(1), op("Q")]);
      return torchFile(list(kept(id, 1), op("Q"), times(200_000, again)), {
        [key]: new Uint8Array(4),
      });
    },
    "data.pkl pickle at byte",
  ],
  "a storage of every type": [
    () => {
      const kinds = [
        "ByteStorage",
        "CharStorage",
        "ShortStorage",
        "IntStorage",
        "LongStorage",
        "FloatStorage",
      ];
      const widths = [1, 1, 2, 4, 8, 4];
      return torchFile(list(...kinds.map((kind, i) => storage({ kind, count: (1 << 20) / widths[i] }))), {
        "0": MEBI,
      });
    },
    "storage 0 is of two types",
  ],
  "a count that doubles 60 times": [() => torchFile(counted(doubled)), "data.pkl pickle at byte"],
  "a count that is nested without end": [() => torchFile(counted(deep)), "data.pkl pickle at byte"],
  "values that double 60 times": [() => torchFile(counts(doubled)), "logical_count is no tensor"],
  "values nested without end": [() => torchFile(counts(deep)), "logical_count is no tensor"],
  "more opcodes than any dump": [
    () => torchFile(Buffer.concat([op("]("), times(1 << 20, op("}")), op("e")])),
    "data.pkl opcode 1048576 at byte",
  ],
  "a global of a long name": [() => torchFile(op(`c${"x".repeat(1 << 20)}\ny\n`)), "data.pkl global xxx"],
  "an entry of a name in lines": [
    () => storedZip(new Map([["a\n\u001b[2J", MEBI]]), { checksum: 1 }),
    "entry a \\u001b[2J",
  ],
};

afterAll(endReading);

test.each(Object.entries(BOMBS))("%s", async (_, [make, refusal]) => {
  const bytes = make();
  expect(bytes.length).toBeLessThan(3 << 20);
  const outcome = await readApart({ reader: "recorder", bytes });
  expect(outcome).toContain(`: ${refusal}`);
  expect(outcome).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]{3,1500}$/u);
});
