import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile } from "../../src/formats/placement-file.ts";
import type { ReadonlyNumbers } from "../../src/lib/readonly-arrays.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { LAYERS, type SmallPool, smallPool, TOKENS, TOPK, TOPOLOGY } from "../small-pool.ts";

const BATCH = 300;
const GPUS = TOPOLOGY.nodes * TOPOLOGY.gpusPerNode;
const gpuOf = (slot: number) => Math.floor(slot / TOPOLOGY.slotsPerGpu);
const nodeOf = (gpu: number) => Math.floor(gpu / TOPOLOGY.gpusPerNode);

let pool: SmallPool;

beforeAll(async () => {
  pool = await smallPool();
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const dispatch = (routing: string, ...more: readonly string[]) => [
  "dispatch",
  "--placement",
  pool.placement,
  "--routing",
  routing,
  "--batch-tokens",
  String(BATCH),
  ...more,
];

/** Counts anew what the report says, the slow way, from the slots alone. */
function recount(slots: ReadonlyNumbers, sourceOf: (token: number) => number) {
  const sum = { hops: 0, nodeHops: 0, selections: 0, mean: 0, max: 0, activeMean: 0, activeMax: 0 };
  for (let first = 0; first < TOKENS; first += BATCH) {
    for (let layer = 0; layer < LAYERS; layer++) {
      const perGpu = Array.from({ length: GPUS }, () => ({ selections: 0, active: new Set<number>() }));
      for (let token = first; token < Math.min(first + BATCH, TOKENS); token++) {
        const ranks = new Set([sourceOf(token)]);
        for (let k = 0; k < TOPK; k++) {
          const slot = slots[(token * LAYERS + layer) * TOPK + k];
          if (slot < 0) continue;
          ranks.add(gpuOf(slot));
          perGpu[gpuOf(slot)].active.add(slot);
          perGpu[gpuOf(slot)].selections++;
          sum.selections++;
        }
        sum.hops += ranks.size - 1;
        sum.nodeHops += new Set([...ranks].map(nodeOf)).size - 1;
      }
      const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
      const selections = perGpu.map((gpu) => gpu.selections);
      const active = perGpu.map((gpu) => gpu.active.size);
      sum.mean += total(selections) / GPUS;
      sum.max += Math.max(...selections);
      sum.activeMean += total(active) / GPUS;
      sum.activeMax += Math.max(...active);
    }
  }
  return {
    hopsPerToken: expect.closeTo(sum.hops / (TOKENS * LAYERS), 9),
    nodeHopsPerToken: expect.closeTo(sum.nodeHops / (TOKENS * LAYERS), 9),
    balancedness: expect.closeTo(sum.mean / sum.max, 9),
    activationBalancedness: expect.closeTo(sum.activeMean / sum.activeMax, 9),
    selections: sum.selections,
  };
}

/** The default: each batch in contiguous equal blocks. */
function blockSource(token: number): number {
  const first = token - (token % BATCH);
  return Math.floor(((token - first) * GPUS) / Math.min(BATCH, TOKENS - first));
}

describe("dispatch", () => {
  it.each(["priced", "even", "static", "random"])(
    "%s: puts every selection on a slot of its expert and counts right",
    async (policy) => {
      const out = pool.folder.path(`${policy}.npy`);
      const { code, stdout } = await runCli(
        ...dispatch(pool.routing, "--policy", policy, "--out", out, "--json"),
      );
      expect(code).toBe(0);
      const { dtype, shape, values: slots } = readNpy(await readFile(out), out);
      expect({ dtype, shape }).toEqual({ dtype: "<i4", shape: [TOKENS, LAYERS, TOPK] });
      const { physicalToLogical } = readPlacementFile(await readFile(pool.placement), "placement").placement;
      const held = (slots as Int32Array).map((slot, i) => {
        const layer = Math.floor(i / TOPK) % LAYERS;
        return slot < 0 ? -1 : physicalToLogical[layer * GPUS * TOPOLOGY.slotsPerGpu + slot];
      });
      expect(held).toEqual(readNpy(await readFile(pool.routing), "routing").values);

      const report = JSON.parse(stdout) as Record<string, number> & { layers: Record<string, number>[] };
      expect(report).toMatchObject({
        policy,
        batchTokens: BATCH,
        tokens: TOKENS,
        ...recount(slots, blockSource),
      });
      expect(report.selectionsPerSecond).toBeGreaterThan(0);
      const { layers } = report;
      expect(layers).toHaveLength(LAYERS);
      const meanOf = (key: string) => layers.reduce((total, layer) => total + layer[key], 0) / LAYERS;
      for (const key of ["hopsPerToken", "nodeHopsPerToken"]) expect(meanOf(key)).toBeCloseTo(report[key], 9);
      expect(meanOf("selections")).toBeCloseTo(report.selections / LAYERS, 9);
    },
  );

  it("starts the tokens where --sources says", async () => {
    const { folder, routing } = pool;
    const sourceOf = (token: number) => (token * 7) % GPUS;
    const gpus = Int32Array.from({ length: TOKENS }, (_, token) => sourceOf(token));
    const sources = await folder.write("sources.npy", writeNpyInt32([TOKENS], gpus));
    const out = folder.path("from.npy");
    const { stdout } = await runCli(...dispatch(routing, "--sources", sources, "--out", out, "--json"));
    expect(JSON.parse(stdout)).toMatchObject(recount(readNpy(await readFile(out), out).values, sourceOf));
  });

  it("writes the same bytes again", async () => {
    const [one, other] = [pool.folder.path("one.npy"), pool.folder.path("other.npy")];
    for (const out of [one, other])
      await runCli(...dispatch(pool.routing, "--policy", "random", "--out", out));
    expect(await readFile(one)).toEqual(await readFile(other));
  });

  it("exits 2 on what it cannot use", async () => {
    const cut = await pool.folder.write("cut.npy", (await readFile(pool.routing)).subarray(0, 500));
    await expectExit2(pool.folder, [
      [
        dispatch(cut),
        `${cut}: data has 372 bytes where shape (1000, 3, 4) of '<i4' takes 48000: the file is truncated`,
      ],
      [
        dispatch(pool.routing, "--policy", "best"),
        "error: option '--policy <name>' argument 'best' is invalid",
      ],
    ]);
  });

  it("names the file, the field and the mend", async () => {
    const { folder, load, routing } = pool;
    const missing = folder.path("missing");
    const flat = await folder.write("flat.npy", writeNpyInt32([4], new Int32Array(4)));
    const sixLayers = await folder.write("six.npy", writeNpyInt32([1, 6, 1], new Int32Array(6)));
    const strayExpert = await folder.write(
      "stray.npy",
      writeNpyInt32([1, LAYERS, 1], new Int32Array([0, 16, 0])),
    );
    const strayGpu = await folder.write(
      "gpu.npy",
      writeNpyInt32([TOKENS], new Int32Array(TOKENS).fill(GPUS)),
    );
    await expectRefused(folder, [
      [dispatch(missing), `${missing}: cannot be read (ENOENT); name a readable file`],
      [dispatch(load), `${load}: is not a .npy file`],
      [dispatch(flat), `${flat}: shape is (4); expected (tokens, layers, topk)`],
      [dispatch(sixLayers), `${sixLayers}: shape has 6 layers; expected 3`],
      [dispatch(strayExpert), `${strayExpert}: token 0 layer 1 has expert 16; expected 0..15`],
      [dispatch(routing, "--sources", strayGpu), `${strayGpu}: token 0 starts on GPU 4; expected 0..3`],
      [dispatch(routing, "--sources", flat), `${flat}: shape is (4); expected (1000), one GPU per token`],
      [dispatch(routing, "--placement", load), `${load}: format is not "plimsoll.placement/1"`],
    ]);
  });
});
