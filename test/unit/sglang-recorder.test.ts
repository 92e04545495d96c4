import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import { readStoredZip } from "../../src/formats/stored-zip.ts";
import { InputError } from "../../src/lib/errors.ts";
import { bytesOf } from "../npy-bytes.ts";
import { storedZip, type ZipFaults } from "../stored-zip-bytes.ts";

const golden = (name: string) => readFile(new URL(`../golden/engine-files/${name}`, import.meta.url));

let stat: Uint8Array;
let perPass: Uint8Array;

beforeAll(async () => {
  stat = await golden("recorder-stat.pt");
  perPass = await golden("recorder-per-pass/dump_0.pt");
});

const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** A file of torch's with one entry changed; undefined takes it out. */
function withEntry(
  file: Uint8Array,
  name: string,
  change: (content: Uint8Array) => Uint8Array | undefined,
  faults: ZipFaults = {},
): Uint8Array {
  const entries = readStoredZip(file, "golden");
  const path = entries.keys().find((key) => key.endsWith(`/${name}`)) ?? expect.unreachable();
  const changed = change(entries.get(path) ?? expect.unreachable());
  if (changed === undefined) entries.delete(path);
  else entries.set(path, changed);
  return storedZip(entries, faults);
}

/** Replaces text of the pickle, byte for byte; it must be there. */
const inPickle = (file: Uint8Array, from: string, to: string) =>
  withEntry(file, "data.pkl", (content) => {
    const text = Buffer.from(content).toString("latin1");
    expect(text).toContain(from);
    return latin1(text.replace(from, to));
  });

const same = (content: Uint8Array) => content;
const read = (bytes: Uint8Array) => readSglangRecorder(bytes, "r.pt");

describe("a dump of SGLang's recorder", () => {
  it("is read alike with a zip64 directory, without checksums, from an older torch, and from a GPU", () => {
    const expected = read(stat);
    expect(read(withEntry(stat, "data/0", same, { zip64: true }))).toEqual(expected);
    expect(read(withEntry(stat, "data/0", same, { checksum: 0 }))).toEqual(expected);
    expect(read(withEntry(stat, "byteorder", () => undefined))).toEqual(expected);
    const cuda = inPickle(stat, "X\u0003\0\0\0cpu", "X\u0006\0\0\0cuda:0");
    expect(read(cuda)).toEqual(expected);
  });

  it("is one step where the counts have two dimensions", () => {
    const flat = inPickle(
      stat,
      "K\u0000K\u0003K\u0002K\u0004\u0087q\u0009K\u0008K\u0004K\u0001\u0087",
      "K\u0008K\u0002K\u0004\u0086q\u0009K\u0004K\u0001\u0086",
    );
    expect(read(flat).tokens).toEqual(Float64Array.from([100, 101, 102, 103, 110, 111, 112, 113]));
  });

  it.each<[string, (files: { stat: Uint8Array; perPass: Uint8Array }) => Uint8Array, string]>([
    ["text", () => latin1("logical_count"), "is not a zip file; expected what torch.save writes since"],
    ["torch's format before 1.6", () => latin1("\u0080\u0002\u008a\nl\u00fc"), "is not a zip file"],
    [
      "a zip file of something else",
      () => storedZip(new Map([["a.txt", latin1("a")]])),
      "data.pkl is missing",
    ],
    [
      "a compressed entry",
      (files) => withEntry(files.stat, "data/0", same, { method: 8 }),
      "entry recorder-stat/data.pkl is compressed",
    ],
    [
      "a wrong checksum",
      (files) => withEntry(files.stat, "data/0", same, { checksum: 1 }),
      "entry recorder-stat/data.pkl does not match its checksum",
    ],
    [
      "big-endian numbers",
      (files) => withEntry(files.stat, "byteorder", () => latin1("big")),
      "byteorder is not little",
    ],
    [
      "a function to call",
      (files) => inPickle(files.stat, "ctorch\nIntStorage\n", "cposix\nsystem\n"),
      "data.pkl global posix.system at byte 90 is not allowed",
    ],
    [
      "a global whose name would move the cursor",
      (files) => inPickle(files.stat, "ctorch\nIntStorage\n", "cos;\u001b[2J\nsystem\n"),
      "data.pkl global os???2J.system at byte 90 is not allowed",
    ],
    [
      "an opcode that builds objects",
      (files) => inPickle(files.stat, "Nu.", "Nb."),
      "data.pkl opcode 0x62 at byte 236 is not allowed",
    ],
    [
      "another protocol",
      (files) => inPickle(files.stat, "\u0080\u0002", "\u0080\u0004"),
      "data.pkl protocol 4 at byte 0 is not 2",
    ],
    [
      "a call of what is no function",
      (files) => inPickle(files.stat, "q\u000dR", "q\u000d)R"),
      "data.pkl pickle at byte 190 is not well-formed",
    ],
    [
      "a call with other arguments",
      (files) => inPickle(files.stat, "K\u0003K\u0002K\u0004\u0087", "K\u0003K\u0002K\u0004\u0086"),
      "data.pkl call of torch._utils._rebuild_tensor_v2 at byte 189 is not as torch writes it",
    ],
    [
      "half a pickle",
      (files) => withEntry(files.stat, "data.pkl", (content) => content.subarray(0, 100)),
      "data.pkl ends early",
    ],
    [
      "a value left over",
      (files) => inPickle(files.stat, "Nu.", "NuN."),
      "data.pkl pickle at byte 238 is not well-formed",
    ],
    [
      "a missing storage",
      (files) => withEntry(files.stat, "data/0", () => undefined),
      "storage 0 is missing",
    ],
    [
      "a storage too short",
      (files) => withEntry(files.stat, "data/0", (content) => content.subarray(4)),
      "storage 0 has 92 bytes; expected 96",
    ],
    [
      "a shape beyond the storage",
      (files) => inPickle(files.stat, "K\u0003K\u0002K\u0004\u0087", "K\u0003K\u0002K\u0005\u0087"),
      "tensor [3, 2, 5] reaches beyond its storage of 24 numbers",
    ],
    [
      "strides beyond the storage",
      (files) => inPickle(files.stat, "K\u0008K\u0004K\u0001\u0087", "K\u0009K\u0004K\u0001\u0087"),
      "tensor [3, 2, 4] reaches beyond its storage of 24 numbers",
    ],
    [
      "no steps",
      (files) => inPickle(files.stat, "K\u0003K\u0002K\u0004\u0087", "K\u0000K\u0002K\u0004\u0087"),
      "logical_count has shape [0, 2, 4]; expected [steps, layers, experts]",
    ],
    [
      "no experts",
      (files) => inPickle(files.stat, "K\u0003K\u0002K\u0004\u0087", "K\u0003K\u0002K\u0000\u0087"),
      "logical_count has shape [3, 2, 0]; expected [steps, layers, experts], none of them 0",
    ],
    [
      "negative counts",
      (files) => withEntry(files.stat, "data/0", () => bytesOf(new Int32Array(24).fill(-7, 13, 14))),
      "logical_count[1][1][1] is -7; expected a finite number ≥ 0",
    ],
    [
      "counts that are no numbers",
      (files) =>
        withEntry(inPickle(files.stat, "IntStorage", "FloatStorage"), "data/0", () =>
          bytesOf(new Float32Array(24).fill(Number.NaN, 3)),
        ),
      "logical_count[0][0][3] is NaN; expected a finite number ≥ 0",
    ],
    [
      "other keys",
      (files) => inPickle(files.stat, "logical_count", "logical_kount"),
      "has neither logical_count (mode stat) nor records (mode per_pass)",
    ],
    [
      "passes without counts",
      ({ perPass: file }) =>
        inPickle(
          inPickle(file, "global_physical_count", "global_physical_kount"),
          "topk_ids_of_layer",
          "topk_ids_of_leyer",
        ),
      "records[0].global_physical_count is missing",
    ],
    [
      "no map",
      (files) => inPickle(files.perPass, "last_physical_to_logical_map", "lost_physical_to_logical_map"),
      "last_physical_to_logical_map is missing",
    ],
    [
      "a map to experts that cannot be",
      (files) =>
        withEntry(files.perPass, "data/4", () =>
          bytesOf(BigInt64Array.from({ length: 12 }, (_, slot) => BigInt(slot % 7))),
        ),
      "last_physical_to_logical_map[1][0] is 6; expected an integer in 0..5",
    ],
  ])("is refused with %s", (_, file, message) => {
    const bytes = file({ stat, perPass });
    expect(() => read(bytes)).toThrow(InputError);
    expect(() => read(bytes)).toThrow(`r.pt: ${message}`);
  });

  it("is refused wherever it is cut off", () => {
    for (const file of [stat, perPass]) {
      for (let length = 0; length < file.length; length++) {
        expect(() => read(file.subarray(0, length))).toThrow(InputError);
      }
    }
  });

  it("is refused, or read as it was, whichever byte is changed", () => {
    const expected = read(stat);
    for (let at = 0; at < stat.length; at++) {
      const bytes = stat.with(at, stat[at] ^ 0x41);
      try {
        expect(read(bytes), `byte ${at}`).toEqual(expected);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }
  });
});
