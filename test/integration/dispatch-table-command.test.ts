import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile } from "../../src/formats/placement-file.ts";
import { slotCount } from "../../src/model/topology.ts";
import { expectRefused } from "../bad-input.ts";
import { runHere } from "../run-here.ts";
import { EXPERTS, LAYERS, type SmallPool, smallPool, TOPOLOGY } from "../small-pool.ts";

const RANKS = TOPOLOGY.nodes * TOPOLOGY.gpusPerNode;
const WIDTH = slotCount(TOPOLOGY);

interface Written {
  readonly entries: number;
  readonly moe_layers?: readonly number[];
  readonly table: readonly (readonly (readonly number[])[])[];
}

let pool: SmallPool;

beforeAll(async () => {
  pool = await smallPool();
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const convert = (to: string, ...more: readonly string[]) => [
  "convert",
  "--from",
  "plimsoll",
  "--to",
  to,
  "--in",
  pool.placement,
  ...more,
];

async function written(rank: string, entries: number, ...more: readonly string[]): Promise<Written> {
  const out = pool.folder.path("table.json");
  const flags = ["--rank", rank, "--entries", String(entries), "--out", out, ...more];
  await runHere(...convert("dispatch-table", ...flags));
  return JSON.parse(await readFile(out, "utf8")) as Written;
}

/** `[layers][slots]`: the part of its expert's entries that lists each slot. */
function parts({ table }: Written): Float64Array {
  const found = new Float64Array(LAYERS * WIDTH);
  for (const [layer, lists] of table.entries()) {
    for (const list of lists) for (const slot of list) found[layer * WIDTH + slot] += 1 / list.length;
  }
  return found;
}

describe("convert --to dispatch-table", () => {
  it("lists slots that hold the expert, by the shares over all ranks, with one entry where one slot has all", async () => {
    const { placement, shares } = readPlacementFile(await readFile(pool.placement), pool.placement);
    const together = new Float64Array(LAYERS * WIDTH);
    for (let rank = 0; rank < RANKS; rank++) {
      const file = await written(String(rank), 48);
      expect(Object.keys(file)).toEqual(["entries", "table"]);
      expect(file.entries).toBe(48);
      expect(file.table.map((lists) => lists.length)).toEqual(Array.from({ length: LAYERS }, () => EXPERTS));
      for (const [layer, lists] of file.table.entries()) {
        for (const [expert, list] of lists.entries()) {
          expect(new Set(list.map((slot) => placement.physicalToLogical[layer * WIDTH + slot]))).toEqual(
            new Set([expert]),
          );
          expect(list).toHaveLength(new Set(list).size === 1 ? 1 : 48);
        }
      }
      for (const [i, part] of parts(file).entries()) together[i] += part;
    }
    const off = together.map((sum, i) => Math.abs(sum - RANKS * shares[i]));
    expect(Math.max(...off)).toBeLessThan(1 / 48);
  });

  it("is one table for every rank where --rank is all", async () => {
    const { shares } = readPlacementFile(await readFile(pool.placement), pool.placement);
    const off = parts(await written("all", 64)).map((part, i) => Math.abs(part - shares[i]));
    expect(Math.max(...off)).toBeLessThan(1 / 64);
  });

  it("names the layers that its rows are of", async () => {
    const { moe_layers, table } = await written("0", 16, "--dense-layers", "3");
    expect(moe_layers).toEqual([3, 4, 5]);
    expect(table).toEqual((await written("0", 16)).table);
  });

  it("goes by what --rank-tokens says of every rank", async () => {
    const size = LAYERS * EXPERTS;
    const tokens = (ranks: number) => new Int32Array(RANKS * size).fill(7, 0, ranks * size);
    const every = await pool.folder.write(
      "every.npy",
      writeNpyInt32([RANKS, LAYERS, EXPERTS], tokens(RANKS)),
    );
    const first = await pool.folder.write("first.npy", writeNpyInt32([RANKS, LAYERS, EXPERTS], tokens(1)));
    expect(await written("1", 32, "--rank-tokens", every)).toEqual(await written("1", 32));
    // All tokens are of rank 0, whose entries then have the shares to themselves.
    const { shares } = readPlacementFile(await readFile(pool.placement), pool.placement);
    const off = parts(await written("0", 32, "--rank-tokens", first)).map((part, i) =>
      Math.abs(part - shares[i]),
    );
    expect(Math.max(...off)).toBeLessThan(1 / 32 + 1e-9);
    await written("all", 32, "--rank-tokens", first);
  });

  it("names the flag and what to change", async () => {
    const table = (...more: readonly string[]) => convert("dispatch-table", ...more);
    await expectRefused(pool.folder, [
      [table("--entries", "16"), "--rank: is missing; "],
      [table("--rank", "0"), "--entries: is missing; "],
      [
        table("--rank", "4", "--entries", "16"),
        "--rank: is 4; expected 0..3 as the placement has 4 ranks, or all",
      ],
      [table("--rank", "1.5", "--entries", "16"), "--rank: is 1.5; expected 0..3"],
      [table("--rank", "0", "--entries", "0"), "--entries: is 0; expected an integer in 1..1024"],
      [table("--rank", "0", "--entries", "1025"), "--entries: is 1025; expected an integer in 1..1024"],
      [convert("sglang", "--rank", "0"), "--rank: is for dispatch-table; leave it out"],
      [convert("sglang", "--entries", "8"), "--entries: is for dispatch-table; leave it out"],
      [
        ["convert", "--from", "dispatch-table", "--to", "sglang", "--in", pool.placement],
        "dispatch-table is written only; convert from a placement",
      ],
    ]);
  });
});
