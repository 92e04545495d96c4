import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { rankTable } from "../../src/core/tables/rank-table.ts";
import { staticTable } from "../../src/core/tables/static-table.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { writeSglangRankTable } from "../../src/formats/sglang-rank-table.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";

// SGLang's own function made the file: engine-files/static-table.py.
const file = await readFile(new URL("engine-files/sglang-static-table.json", import.meta.url), "utf8");
const theirs = JSON.parse(file) as number[][][];

/** As in static-table.py. */
const PLACEMENT = {
  layers: 2,
  experts: 5,
  topology: { nodes: 2, gpusPerNode: 3, slotsPerGpu: 2 },
  physicalToLogical: Int32Array.from(
    [
      [0, 2, 0, 1, 1, 2, 0, 3, 1, 4, 3, 4],
      [0, 0, 1, 2, 4, 3, 0, 4, 3, 2, 4, 3],
    ].flat(),
  ),
};
const REPLICAS = indexReplicas(PLACEMENT);
/** Layer 0 experts whose replicas are all in one node: ranks without one are dealt out by chance. */
const DEALT = [2, 3, 4];

const written = (text: string) => JSON.parse(text) as number[][][];

it("takes the same nearest replicas as SGLang, and deals the other ranks out as evenly", () => {
  for (let seed = 0; seed < 20; seed++) {
    const ours = written(writeSglangRankTable(staticTable(PLACEMENT, REPLICAS, new Rng(seed)), [0, 1], 2));
    const sorted = (table: number[][][], expert: number) =>
      table.map((rank) => rank[0][expert]).toSorted((a, b) => a - b);
    for (const [rank, layers] of theirs.entries()) {
      expect(ours[rank][1]).toEqual(layers[1]);
      const fixed = (row: number[]) => row.filter((_, expert) => !DEALT.includes(expert));
      expect(fixed(ours[rank][0])).toEqual(fixed(layers[0]));
    }
    for (const expert of DEALT) expect(sorted(ours, expert)).toEqual(sorted(theirs, expert));
  }
});

it("writes a table of the shape that SGLang cuts its ranks from, dense layers first", () => {
  const shares = evenShares(PLACEMENT, REPLICAS);
  const table = written(
    writeSglangRankTable(rankTable({ placement: PLACEMENT, replicas: REPLICAS, shares }), [1, 2], 3),
  );
  expect(table.map((rank) => rank.map((layer) => layer.length))).toEqual(
    theirs.map((rank) => [5, ...rank.map((layer) => layer.length)]),
  );
  for (const [rank, [dense, ...layers]] of table.entries()) {
    expect(dense).toEqual([0, 1, 2, 3, 4]);
    for (const [layer, row] of layers.entries()) {
      const held = (slots: number[]) => slots.map((slot) => PLACEMENT.physicalToLogical[12 * layer + slot]);
      expect(held(row)).toEqual([0, 1, 2, 3, 4]);
      expect(held(theirs[rank][layer])).toEqual([0, 1, 2, 3, 4]);
    }
  }
});
