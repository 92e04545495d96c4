import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile } from "../../src/formats/placement-file.ts";
import { slotCount } from "../../src/model/topology.ts";
import { expectRefused } from "../bad-input.ts";
import { runHere } from "../run-here.ts";
import { EXPERTS, LAYERS, type SmallPool, smallPool, TOPOLOGY } from "../small-pool.ts";

const RANKS = TOPOLOGY.nodes * TOPOLOGY.gpusPerNode;
const SIZE = RANKS * LAYERS * EXPERTS;

let pool: SmallPool;

beforeAll(async () => {
  pool = await smallPool();
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const convert = (from: string, to: string, ...more: readonly string[]) => [
  "convert",
  "--from",
  from,
  "--to",
  to,
  "--in",
  pool.placement,
  ...more,
];

async function written(...more: readonly string[]): Promise<number[][][]> {
  const out = pool.folder.path("table.json");
  await runHere(...convert("plimsoll", "sglang-rank-table", "--out", out, ...more));
  return JSON.parse(await readFile(out, "utf8")) as number[][][];
}

/** The expert on each slot that a table names. */
async function held(table: number[][][]): Promise<number[][][]> {
  const { placement } = readPlacementFile(await readFile(pool.placement), pool.placement);
  const width = slotCount(TOPOLOGY);
  return table.map((layers) =>
    layers.map((slots, layer) => slots.map((slot) => placement.physicalToLogical[layer * width + slot])),
  );
}

const EVERY_EXPERT = Array.from({ length: RANKS }, () =>
  Array.from({ length: LAYERS }, () => Array.from({ length: EXPERTS }, (_, expert) => expert)),
);

describe("convert --to sglang-rank-table", () => {
  it("names a slot of the expert for every rank, layer and expert, behind rows for dense layers", async () => {
    const table = await written("--dense-layers", "3");
    expect(await held(table.map((layers) => layers.slice(3)))).toEqual(EVERY_EXPERT);
    for (const layers of table) expect(layers.slice(0, 3)).toEqual(EVERY_EXPERT[0]);
  });

  it("goes by what --rank-tokens says of every rank", async () => {
    const everyRank = await pool.folder.write(
      "every.npy",
      writeNpyInt32([RANKS, LAYERS, EXPERTS], new Int32Array(SIZE).fill(7)),
    );
    expect(await written("--rank-tokens", everyRank)).toEqual(await written());
    const firstOnly = new Int32Array(SIZE).fill(7, 0, LAYERS * EXPERTS);
    const oneRank = await pool.folder.write("one.npy", writeNpyInt32([RANKS, LAYERS, EXPERTS], firstOnly));
    const table = await written("--rank-tokens", oneRank);
    expect(table).not.toEqual(await written());
    expect(await held(table)).toEqual(EVERY_EXPERT);
  });

  it("names the file, the field and what to change", async () => {
    const { folder } = pool;
    const tokens = (name: string, shape: readonly number[], value: number) =>
      folder.write(
        name,
        writeNpyInt32(shape, new Int32Array(shape.reduce((size, length) => size * length, 1)).fill(value)),
      );
    const flat = await tokens("flat.npy", [LAYERS, EXPERTS], 1);
    const negative = await tokens("negative.npy", [RANKS, LAYERS, EXPERTS], -1);
    const table = (path: string) => convert("plimsoll", "sglang-rank-table", "--rank-tokens", path);
    await expectRefused(folder, [
      [table(pool.load), `${pool.load}: is not a .npy file`],
      [table(flat), `${flat}: shape is (3, 16); expected (4, 3, 16): ranks, layers, experts`],
      [table(negative), `${negative}: value 0 is -1; expected tokens, 0 or more`],
      [
        convert("plimsoll", "sglang", "--rank-tokens", flat),
        "--rank-tokens: is for sglang-rank-table and dispatch-table; ",
      ],
      [convert("sglang-rank-table", "sglang"), "sglang-rank-table is written only; convert from a placement"],
    ]);
  });
});
