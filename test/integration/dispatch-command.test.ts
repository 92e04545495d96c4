import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import type { ReadonlyNumbers } from "../../src/lib/readonly-arrays.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { indexReplicas, type Placement } from "../../src/model/placement.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";
import { EXPERTS, LAYERS, type SmallPool, smallPool, TOKENS, TOPK, TOPOLOGY } from "../small-pool.ts";

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
function recount(
  slots: ReadonlyNumbers,
  sourceOf: (token: number) => number,
  { slotsPerGpu, inService } = { slotsPerGpu: TOPOLOGY.slotsPerGpu, inService: GPUS },
) {
  const sum = { hops: 0, nodeHops: 0, selections: 0, mean: 0, max: 0, activeMean: 0, activeMax: 0 };
  for (let first = 0; first < TOKENS; first += BATCH) {
    for (let layer = 0; layer < LAYERS; layer++) {
      const perGpu = Array.from({ length: GPUS }, () => ({ selections: 0, active: new Set<number>() }));
      for (let token = first; token < Math.min(first + BATCH, TOKENS); token++) {
        const ranks = new Set([sourceOf(token)]);
        for (let k = 0; k < TOPK; k++) {
          const slot = slots[(token * LAYERS + layer) * TOPK + k];
          if (slot < 0) continue;
          const gpu = Math.floor(slot / slotsPerGpu);
          ranks.add(gpu);
          perGpu[gpu].active.add(slot);
          perGpu[gpu].selections++;
          sum.selections++;
        }
        sum.hops += ranks.size - 1;
        sum.nodeHops += new Set([...ranks].map(nodeOf)).size - 1;
      }
      const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
      const selections = perGpu.map((gpu) => gpu.selections);
      const active = perGpu.map((gpu) => gpu.active.size);
      sum.mean += total(selections) / inService;
      sum.max += Math.max(...selections);
      sum.activeMean += total(active) / inService;
      sum.activeMax += Math.max(...active);
    }
  }
  return {
    hopsPerToken: expect.closeTo(sum.hops / (TOKENS * LAYERS), 9),
    nodeHopsPerToken: expect.closeTo(sum.nodeHops / (TOKENS * LAYERS), 9),
    balancedness: expect.closeTo(sum.mean / sum.max, 9),
    activationBalancedness: expect.closeTo(sum.activeMean / sum.activeMax, 9),
    activatedOnWorstGpu: expect.closeTo(sum.activeMax / (Math.ceil(TOKENS / BATCH) * LAYERS), 9),
    selections: sum.selections,
  };
}

/** The default: each batch in contiguous equal blocks. */
function blockSource(token: number, gpus = GPUS): number {
  const first = token - (token % BATCH);
  return Math.floor(((token - first) * gpus) / Math.min(BATCH, TOKENS - first));
}

/** A placement file that nobody planned, every replica of an expert with the same share. */
function plainPlacement(modelName: string | null, placement: Placement): string {
  const shares = evenShares(placement, indexReplicas(placement)).values;
  const moves = { slots: 0, bytes: null };
  return writePlacementFile({
    modelName,
    placement,
    layers: null,
    shares,
    moves,
    certificate: null,
    elapsedMs: 0,
  });
}

describe("dispatch", () => {
  it.each(DISPATCH_POLICIES)(
    "%s: puts every selection on a slot of its expert and counts right",
    async (policy) => {
      const out = pool.folder.path(`${policy}.npy`);
      const { code, stdout } = await resultHere(
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
        bytesPerToken: null,
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

  it("leaves GPUs out of service out of the means, and starts no token there", async () => {
    const { folder, routing } = pool;
    const topology = { ...TOPOLOGY, slotsPerGpu: 6 };
    const physicalToLogical = Int32Array.from({ length: LAYERS * GPUS * 6 }, (_, i) => {
      const gpu = Math.floor(i / 6) % GPUS;
      // GPU 1 holds nothing; the others have 18 slots for the 16 experts.
      return gpu === 1 ? -1 : (Math.max(0, gpu - 1) * 6 + (i % 6)) % EXPERTS;
    });
    const three = { layers: LAYERS, experts: EXPERTS, topology, physicalToLogical };
    const placement = await folder.write("three-gpus.json", plainPlacement(null, three));
    const out = folder.path("three-gpus.npy");
    const { stdout } = await resultHere(
      ...dispatch(routing, "--placement", placement, "--out", out, "--json"),
    );
    const sourceOf = (token: number) => [0, 2, 3][blockSource(token, 3)];
    expect(JSON.parse(stdout)).toMatchObject(
      recount(readNpy(await readFile(out), out).values, sourceOf, { slotsPerGpu: 6, inService: 3 }),
    );
  });

  it("says the bytes of the all-to-all where it knows the model", async () => {
    const { folder } = pool;
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 64 };
    const physicalToLogical = Int32Array.from({ length: 58 * 256 }, (_, i) => i % 256);
    const whole = { layers: 58, experts: 256, topology, physicalToLogical };
    const placement = await folder.write("v3.json", plainPlacement("deepseek-v3", whole));
    const ids = Int32Array.from({ length: 40 * 58 * 8 }, (_, i) => (i * 97) % 256);
    const routing = await folder.write("v3.npy", writeNpyInt32([40, 58, 8], ids));
    const out = folder.path("v3-slots.npy");
    const { stdout } = await resultHere(
      ...dispatch(routing, "--placement", placement, "--out", out, "--json"),
    );
    const { hopsPerToken, nodeHopsPerToken, bytesPerToken } = JSON.parse(stdout);
    const normal = (pairs: number) => ({
      dispatch: expect.closeTo(pairs * 7392, 6),
      combine: expect.closeTo(pairs * 14_336, 6),
    });
    expect(bytesPerToken).toEqual({
      normal: { rdma: normal(nodeHopsPerToken), nvlink: normal(hopsPerToken) },
      lowLatency: { dispatch: 8 * 7408, combine: 8 * 14_336 },
    });

    const part = { ...whole, layers: 2, physicalToLogical: physicalToLogical.subarray(0, 2 * 256) };
    const named = await folder.write("named.json", plainPlacement("deepseek-v3", part));
    const two = await folder.write("two.npy", writeNpyInt32([1, 2, 1], new Int32Array(2)));
    const other = await resultHere(...dispatch(two, "--placement", named, "--out", out, "--json"));
    expect(JSON.parse(other.stdout)).toMatchObject({ bytesPerToken: null });
  });

  it("writes what the all-to-all needs", async () => {
    const { folder, routing } = pool;
    const [out, layout] = [folder.path("laid-out.npy"), folder.path("layout")];
    await resultHere(...dispatch(routing, "--out", out, "--layout", layout));
    const read = async (name: string) => {
      const { shape, values } = readNpy(await readFile(join(layout, `${name}.npy`)), name);
      return { shape, values: [...(values as Int32Array)] };
    };
    const slots = readNpy(await readFile(out), out).values as Int32Array;
    const nodes = TOPOLOGY.nodes;
    const width = GPUS * TOPOLOGY.slotsPerGpu;
    const batches = Math.ceil(TOKENS / BATCH);
    const expected = {
      perRank: Array.from({ length: batches * LAYERS * GPUS }, () => 0),
      perNode: Array.from({ length: batches * LAYERS * nodes }, () => 0),
      perSlot: Array.from({ length: batches * LAYERS * width }, () => 0),
      inRank: Array.from({ length: TOKENS * LAYERS }, () => 0),
    };
    const sent: [row: number, slot: number, token: number][] = [];
    for (let token = 0; token < TOKENS; token++) {
      for (let layer = 0; layer < LAYERS; layer++) {
        const row = Math.floor(token / BATCH) * LAYERS + layer;
        const base = (token * LAYERS + layer) * TOPK;
        const chosen = [...slots.subarray(base, base + TOPK)].filter((slot) => slot >= 0);
        for (const slot of chosen) {
          expected.perSlot[row * width + slot]++;
          sent.push([row, slot, token]);
        }
        const ranks = new Set(chosen.map(gpuOf));
        for (const gpu of ranks) {
          expected.perRank[row * GPUS + gpu]++;
          expected.inRank[token * LAYERS + layer] |= 1 << gpu;
        }
        for (const node of new Set([...ranks].map(nodeOf))) expected.perNode[row * nodes + node]++;
      }
    }
    expect(await read("tokens-per-rank")).toEqual({
      shape: [batches, LAYERS, GPUS],
      values: expected.perRank,
    });
    expect(await read("tokens-per-node")).toEqual({
      shape: [batches, LAYERS, nodes],
      values: expected.perNode,
    });
    expect(await read("selections-per-slot")).toEqual({
      shape: [batches, LAYERS, width],
      values: expected.perSlot,
    });
    expect(await read("token-in-rank")).toEqual({ shape: [TOKENS, LAYERS, 1], values: expected.inRank });
    const inOrder = sent.toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    expect(await read("send-tokens")).toEqual({
      shape: [sent.length],
      values: inOrder.map((send) => send[2]),
    });
  });

  it("writes the same bytes again", async () => {
    const [one, other] = [pool.folder.path("one.npy"), pool.folder.path("other.npy")];
    for (const out of [one, other])
      await resultHere(...dispatch(pool.routing, "--policy", "random", "--out", out));
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

  it("names the file, the field and what to change", async () => {
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
      [dispatch(sixLayers), `${sixLayers}: shape has 6 layers; expected the 3 of ${pool.placement}`],
      [dispatch(strayExpert), `${strayExpert}: token 0 layer 1 has expert 16; expected 0..15`],
      [dispatch(routing, "--sources", strayGpu), `${strayGpu}: token 0 starts on GPU 4; expected 0..3`],
      [dispatch(routing, "--sources", flat), `${flat}: shape is (4); expected (1000), one GPU per token`],
      [dispatch(routing, "--placement", load), `${load}: format is not "plimsoll.placement/1"`],
    ]);
  });
});
