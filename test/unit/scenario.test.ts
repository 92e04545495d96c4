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
