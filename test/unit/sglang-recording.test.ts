import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { readRecorderDump } from "../../src/formats/sglang-recorder.ts";
import { joinDumps } from "../../src/formats/sglang-recording.ts";
import { bytesOf } from "../npy-bytes.ts";
import { type Opcodes, pickled, torchFile } from "../torch-bytes.ts";

const LAYERS = 2;
const SLOTS = 4;
/** Layer 0 is dense. */
const MAP = [0, 1, 2, 0, 2, 1, 0, 1];

interface Pass {
  readonly rank: number;
  readonly id: number;
  readonly field?: [name: string, shape: readonly number[], values: readonly number[]];
}

/** A rank's dump in one of the modes per_pass and per_token. */
function perPass(source: string, passes: readonly Pass[]) {
  const storages: Record<string, Uint8Array> = { map: bytesOf(Int32Array.from(MAP)) };
  const tensor = (key: string, shape: readonly number[]): Opcodes => {
    const count = shape.reduce((product, size) => product * size, 1);
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((product, size) => product * size, 1),
    );
    return pickled.tensor({ key, kind: "IntStorage", shape, strides, count });
  };
  const counts = ["global_physical_count", [LAYERS, SLOTS], [0, 0, 0, 0, 1, 2, 3, 4]] as const;
  const records = passes.map(({ rank, id, field: [name, shape, values] = counts }, i) => {
    storages[`${i}`] = bytesOf(Int32Array.from(values));
    const facts = [
      ["forward_pass_id", pickled.int(id)],
      ["rank", pickled.int(rank)],
    ] as const;
    return pickled.dict(...facts, ["gatherer_key", pickled.text("primary")], [name, tensor(`${i}`, shape)]);
  });
  const file = pickled.dict(
    ["records", pickled.list(...records)],
    ["last_physical_to_logical_map", tensor("map", [LAYERS, SLOTS])],
  );
  return { source, dump: readRecorderDump(torchFile(file, storages), source) };
}

const join = (...dumps: readonly Parameters<typeof joinDumps>[0][number][]) => joinDumps(dumps, "folder");

it("is the sum of what its ranks counted in their passes", () => {
  const first = perPass("0.pt", [
    { rank: 0, id: 1 },
    { rank: 0, id: 2 },
  ]);
  const second = perPass("1.pt", [{ rank: 1, id: 1 }]);
  // Slots 0 to 3 hold experts 2, 1, 0 and 1.
  expect(join(first).tokens).toEqual(Float64Array.of(0, 0, 0, 6, 12, 2));
  expect(join(first, second).tokens).toEqual(Float64Array.of(0, 0, 0, 9, 18, 3));
});

it("is counted from the tokens' physical experts where SGLang up to 0.4.8 wrote only these", () => {
  const ids = [
    [-1, -1, -1, -1],
    [-1, -1, -1, -1],
    [0, 3, -1, -1],
    [3, 1, -1, -1],
  ].flat();
  const dump = perPass("0.pt", [{ rank: 0, id: 1, field: ["topk_ids_of_layer", [LAYERS, 2, 4], ids] }]);
  expect(join(dump).tokens).toEqual(Float64Array.of(0, 0, 0, 0, 3, 1));
});

it("is refused where a token's expert is on no slot", () => {
  const field: Pass["field"] = ["topk_ids_of_layer", [LAYERS, 1, 1], [-1, 4]];
  expect(() => perPass("0.pt", [{ rank: 0, id: 1, field }])).toThrow(
    "0.pt: records[0].topk_ids_of_layer[1][0][0] is 4; expected an integer in -1..3",
  );
});

it("is refused where files are missing, or of another recording", async () => {
  const [rank0, rank1, rank3] = [0, 1, 3].map((rank) => perPass(`${rank}.pt`, [{ rank, id: 7 }]));
  expect(() => join(rank0, rank1, rank3)).toThrow("folder: has no file of rank 2, but one of rank 3");
  expect(() => join(rank0, { ...rank0, source: "copy.pt" })).toThrow(
    "copy.pt: pass 7 of rank 0 (primary) is in 0.pt too; keep one recording in a folder",
  );
  const source = "recorder-stat.pt";
  const bytes = await readFile(new URL(`../golden/engine-files/${source}`, import.meta.url));
  const stat = { source, dump: readRecorderDump(bytes, source) };
  expect(() => join(rank0, stat)).toThrow(
    `${source}: has 2 layers of 4 experts; expected 2 of 3 as 0.pt has`,
  );
  const wide = { source: "wide.pt", dump: { ...rank0.dump, load: stat.dump.load } };
  expect(() => join(wide, stat)).toThrow(`${source}: is of another mode than wide.pt`);
  // Dumps of the mode stat follow each other: each is of all ranks.
  expect(join(stat, stat).tokens).toEqual(stat.dump.load.tokens.map((tokens) => 2 * tokens));
});
