import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { loadScenario } from "../../src/config/scenario.ts";

const plain = {
  model: "deepseek-v3",
  topology: "4x8x9",
  trace: null,
  routing: null,
  durationSeconds: 10,
  sharesSeconds: 1,
  placementSeconds: 10,
  recordTokens: 1000,
  seed: 1,
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scenario-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(changes: Readonly<Record<string, unknown>>) {
  const path = join(folder, "scenario.yaml");
  await writeFile(path, stringify({ ...plain, ...changes }));
  return loadScenario(path);
}

describe("what a scenario's pools run on", () => {
  it("is DeepSeek's H800 and the model's own precision, each GPU by itself, unless it says otherwise", async () => {
    const { gpu, shape, topology, model } = await load({});
    expect([gpu, shape]).toEqual([null, { attentionTp: 1, moeTp: 1 }]);
    expect(topology).toEqual({ nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 });
    expect(model.precision.experts).toBe("fp8");
    expect(await load({ gpu: "h800" })).toMatchObject({ gpu: null, overlaps: true });
    expect((await load({ gpu: "h200" })).overlaps).toBe(false);
    expect((await load({ gpu: "h200", overlap: true })).overlaps).toBe(true);
  });

  it("may be any type of GPU, in any precision", async () => {
    const { gpu, model } = await load({ gpu: "gb200", precision: "fp4" });
    expect(gpu?.gpu).toMatchObject({ name: "gb200", memoryBytes: 186e9 });
    expect(Object.keys(gpu?.constants ?? {})).toContain("experts");
    expect(model.precision).toMatchObject({ experts: "nvfp4", rest: "bf16" });
    const constants = { engine: "vllm" };
    expect((await load({ gpu: "h200", constants })).gpu?.engine).toBe("vllm");
    expect((await load({ gpu: "h200" })).gpu?.engine).toBe(null);
    await expect(load({ constants })).rejects.toThrow("name another gpu than h800, or leave it out");
    await expect(load({ gpu: "gb20" })).rejects.toThrow(
      /gpu is "gb20"; expected one of .*mi300x; did you mean gb200\?/,
    );
  });

  it("has places for experts of as many GPUs as share each, and ranks of as many as share attention", async () => {
    const one = await load({ topology: "1x8x36", attention: { tp: 4 }, experts: { tp: 2 } });
    expect(one.shape).toEqual({ attentionTp: 4, moeTp: 2 });
    expect(one.topology).toEqual({ nodes: 1, gpusPerNode: 4, slotsPerGpu: 72 });
    // Over nodes: whole ones. No GPU holds an expert twice.
    const across = await load({ topology: "2x8x18", attention: { tp: 16 }, experts: { tp: 16 } });
    expect(across.topology).toEqual({ nodes: 1, gpusPerNode: 1, slotsPerGpu: 256 });
    const both = await load({ decodeTopology: "2x8x18", experts: { tp: 2 } });
    expect(both.decode?.topology).toEqual({ nodes: 2, gpusPerNode: 4, slotsPerGpu: 36 });
  });

  it.each([
    [
      { attention: { tp: 3 } },
      /attention\.tp is 3; expected a number that divides the 8 GPUs of a node, or whole nodes/,
    ],
    [{ experts: { tp: 12 } }, /experts\.tp is 12; expected/],
    [{ skew: 4.5 }, /skew/],
    [{ skew: 2, load: "a.json" }, /skew has no effect beside `load`/],
    [{ routing: "a.npy", load: "a.json" }, /load has no effect beside `routing`/],
    [
      { attention: { tp: 2 }, assignment: "composed" },
      /assignment is composed, which is for ranks of as many GPUs/,
    ],
    [
      { topology: "2x6x24", attention: { tp: 2 }, experts: { tp: 3 } },
      /attention\.tp makes 6 ranks beside 4 places/,
    ],
  ])("refuses what does not divide: %o", async (changes, said) => {
    await expect(load(changes)).rejects.toThrow(said);
  });
});

const apart = { decodeTopology: "18x8x2" };

describe("a scenario", () => {
  it("has one pool, lets everyone in and compares all ways of balancing unless it says otherwise", async () => {
    expect(await load({})).toMatchObject({
      assignment: "expert-aware",
      decode: null,
      admission: null,
      faults: [],
      slo: null,
      policies: ["none", "eplb", "plimsoll"],
      dispatch: null,
    });
  });

  it("may have GPUs of their own for decoding, limits and ranks that die", async () => {
    const scenario = await load({
      ...apart,
      admission: { maxInFlight: 64 },
      faults: [
        { pool: "decode", rank: 143, atSeconds: 3, forSeconds: 2 },
        { pool: "prefill", rank: 0, atSeconds: 4, noticedSeconds: 0 },
      ],
    });
    expect([scenario.assignment, scenario.decode?.assignment]).toEqual(["prefill", "decode"]);
    expect(scenario.decode?.topology).toEqual({ nodes: 18, gpusPerNode: 8, slotsPerGpu: 2 });
    expect(scenario.admission).toEqual({ maxInFlight: 64, maxWaiting: 1024, maxWaitMs: 10_000 });
    expect(scenario.faults).toEqual([
      { pool: "decode", rank: 143, atMs: 3000, noticedMs: 2000, forMs: 2000 },
      { pool: "prefill", rank: 0, atMs: 4000, noticedMs: 0, forMs: null },
    ]);
  });

  it("may say which engine runs, and change what it does by default", async () => {
    const speculation = { draftTokens: 1, acceptance: 0.85 };
    const { batching, ...scenario } = await load({ engine: "sglang", stepTokens: 4096, speculation });
    expect(batching).toEqual({ engine: "sglang", stepTokens: 4096, runningPerRank: null });
    expect(scenario.speculation).toEqual(speculation);
  });

  it.each([
    [
      "a pool that is not there",
      { faults: [{ pool: "decode", rank: 0, atSeconds: 1 }] },
      'faults[0].pool is "decode"; expected "pool"',
    ],
    [
      "no pool where there are two",
      { ...apart, faults: [{ rank: 0, atSeconds: 1 }] },
      'faults[0].pool is missing; expected "prefill" or "decode"',
    ],
    [
      "a rank that dies while it is dead",
      {
        faults: [
          { rank: 3, atSeconds: 9 },
          { rank: 3, atSeconds: 2, forSeconds: 7.5 },
        ],
      },
      "faults[0] begins at 9 s, while rank 3 is still away by another fault; join them, or move one",
    ],
    [
      "a rank that dies after it is dead for good",
      {
        faults: [
          { rank: 3, atSeconds: 1 },
          { rank: 3, atSeconds: 5 },
        ],
      },
      "faults[1] begins at 5 s, while rank 3 is still away",
    ],
    ["more requests than time tells apart", { requestsPerSecond: 1e300 }, "expected at most 1000000"],
    ["a duration without end", { durationSeconds: 1e300 }, "expected at most 1000000000"],
    ["decisions without end", { sharesSeconds: 1e-9 }, "expected at least 0.001"],
    ["a number that is none", { seed: Number.NaN }, "seed is NaN; expected a number"],
    [
      "a rank that is not there",
      { faults: [{ rank: 32, atSeconds: 1 }] },
      "faults[0].rank is 32; the pool has the ranks 0 to 31",
    ],
    ["a way of balancing that is not known", { policies: ["none", "best"] }, "policies[1]"],
    ["an unknown key", { fidelty: "exact" }, "fidelty"],
  ])("is refused with %s", async (_, changes, says) => {
    await expect(load(changes)).rejects.toThrow(says);
  });
});
