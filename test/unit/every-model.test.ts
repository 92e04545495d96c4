import { describe, expect, it } from "vitest";
import { shippedModels } from "../../src/config/shapes.ts";
import { loadTopology } from "../../src/config/topologies.ts";
import { solveBody } from "../../src/control/solve/solve-request.ts";
import {
  addDecode,
  addPrefill,
  attentionWindows,
  noAttentionWork,
} from "../../src/core/cost/attention-work.ts";
import { evenTally } from "../../src/core/cost/even-tally.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { PassTime } from "../../src/core/cost/pass-time.ts";
import { whyNotServed } from "../../src/core/cost/serving-room.ts";
import { StepCost } from "../../src/core/cost/step-cost.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { type Topology, gpuCount } from "../../src/model/topology.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { virtualRun } from "../../src/twin/run/virtual-run.ts";
import { drain } from "../../src/cli/drain.ts";

const MODELS = await shippedModels();

/** Each of another make: attention, layers that route, precision, experts, top-k. */
const OF_EACH_KIND = [
  "mixtral-8x7b",
  "qwen3-30b-a3b",
  "gpt-oss-20b",
  "llama-4-maverick",
  "qwen3-next-80b-a3b",
  "deepseek-v2",
  "nemotron-3-nano-30b-a3b",
  "kimi-k2",
];

function named(name: string): MoeModel {
  return MODELS.find((model) => model.name === name) ?? expect.unreachable(`${name} does not ship`);
}

/** The fewest GPUs of these that serve the model, with their usual slots. */
async function poolOf(model: MoeModel): Promise<Topology> {
  for (const sizes of ["1x4", "1x8", "2x8", "4x8"]) {
    const topology = await topologyOf(sizes, model);
    if (whyNotServed(model, topology, H800) === null) return topology;
  }
  return expect.unreachable(`no pool serves ${model.name}`);
}

function topologyOf(sizes: string, model: MoeModel): Promise<Topology> {
  return loadTopology(sizes, model.experts, { sourceOf: () => "test", field: [] });
}

/** Milliseconds of a balanced step: on every rank so many sequences that decode, and prompts, at a context. */
function stepMs(
  model: MoeModel,
  topology: Topology,
  sequences: number,
  context: number,
  prompt: number,
): number {
  const windows = attentionWindows(model);
  const work = noAttentionWork(windows.length);
  for (let i = 0; i < sequences; i++) addDecode(work, context, windows);
  if (prompt > 0) addPrefill(work, context, prompt, windows);
  const hops = Math.min(model.topk, gpuCount(topology) - 1);
  const nodeHops = Math.min(model.topk, topology.nodes - 1);
  const tally = evenTally(topology, { tokensPerRank: work.tokens, topk: model.topk, nodeHops, hops });
  const time = new PassTime(
    new StepCost(model, topology, H800),
    Array.from({ length: gpuCount(topology) }, () => work),
  );
  for (const _ of model.moeLayers) time.add(tally);
  return time.seconds * 1000;
}

it.each(OF_EACH_KIND)("%s serves a few requests on a pool of usual GPUs", async (name) => {
  const model = named(name);
  const topology = await poolOf(model);
  const traffic = Array.from({ length: 4 }, (_, i) => ({
    arrivalMs: i,
    inputTokens: 3 + i,
    outputTokens: 3,
  }));
  const run = drain(
    virtualRun({
      model,
      topology,
      routing: new SyntheticRouting(model, 1),
      traffic,
      durationMs: 1000,
      cadence: { sharesMs: 10, placementMs: 1e6 },
      assignment: "least-in-flight",
      seed: 1,
      recorder: new StepRecorder(1),
    }),
    () => {},
  );
  expect(run).toMatchObject({ requests: 4, refused: 0, outputTokens: 12 });
  expect(run.balancedness).toBeGreaterThan(0);
  expect(run.balancedness).toBeLessThanOrEqual(1);
  expect(run.hopsPerToken).toBeLessThanOrEqual(Math.min(model.topk, gpuCount(topology) - 1));
  expect(run.nodeHopsPerToken).toBeLessThanOrEqual(topology.nodes - 1);
  // A token of the largest of these takes some 20 ms, of the smallest some 2.
  expect(run.itlMs?.p50).toBeGreaterThan(0.5);
  expect(run.itlMs?.p50).toBeLessThan(60);
});

describe.each(MODELS.map((model) => [model.name, model] as const))("%s", (_, model) => {
  it("takes longer for more tokens and longer contexts, and has more room with fewer slots", async () => {
    const topology = await poolOf(model);
    const step = (sequences: number, context: number, prompt: number) =>
      stepMs(model, topology, sequences, context, prompt);
    const times = [
      step(1, 100, 0),
      step(32, 100, 0),
      step(32, 20_000, 0),
      step(32, 20_000, 1024),
      step(32, 20_000, 2048),
    ];
    expect(times.every(Number.isFinite)).toBe(true);
    for (const [i, ms] of times.entries()) if (i > 0) expect(ms).toBeGreaterThanOrEqual(times[i - 1]);
    expect(times[0]).toBeGreaterThan(0);
    expect(times[4]).toBeGreaterThan(times[0]);

    const room = (slotsPerGpu: number) => new KvRoom(model, { ...topology, slotsPerGpu }, H800);
    const [few, more] = [room(1), room(topology.slotsPerGpu)];
    expect(few.capacityTokens).toBeGreaterThanOrEqual(more.capacityTokens);
    const lengths = [1, 100, 10_000, 1_000_000].map((length) => more.tokensOf(length));
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    expect(more.tokensOf(more.longestSequence)).toBeLessThanOrEqual(more.capacityTokens);
  });
});

describe("GPUs that are too few, or too small", () => {
  const v3 = named("deepseek-v3");

  it("say how much is lacking, and what is enough", async () => {
    const eight = await topologyOf("1x8", v3);
    expect(whyNotServed(v3, eight, H800)).toMatch(
      /^cannot serve deepseek-v3: a GPU's weights take 111\.1 GB \(36 expert slots with 2\.6 GB each, and 19\.1 GB beside them\), more than the 68\.0 GB that an H800 has for weights and cache; give at least 14 GPUs$/,
    );
    expect(whyNotServed(v3, await topologyOf("1x14x19", v3), H800)).toBeNull();
    const tight = { nodes: 2, gpusPerNode: 8, slotsPerGpu: 24 };
    expect(whyNotServed(v3, tight, H800)).toContain("; give at most 19 slots per GPU");
    expect(whyNotServed(v3, { ...tight, slotsPerGpu: 19 }, H800)).toBeNull();
    expect(whyNotServed(v3, tight, { ...H800, memoryBytes: 20e9 })).toContain("they are too small");
  });

  it("whose weights leave no room for a request say so", async () => {
    const topology = await topologyOf("4x8", v3);
    const room = new KvRoom(v3, topology, H800);
    const spare = room.capacityTokens * 70_272;
    const tight = { ...H800, memoryBytes: H800.memoryBytes - (spare - 1000) / 0.85 };
    expect(whyNotServed(v3, topology, tight)).toContain(
      "has for weights and cache: too much for a request; give",
    );
  });
});

it.each(["mixtral-8x7b", "llama-4-maverick", "nemotron-3-nano-30b-a3b", "deepseek-v2"])(
  "a placement of %s is solved by its name",
  (name) => {
    const model = named(name);
    const row = Array.from({ length: model.experts }, (_, expert) => 1 + expert);
    const body = {
      load: model.moeLayers.map(() => row),
      topology: { nodes: 2, gpusPerNode: 4, slotsPerGpu: Math.ceil((model.experts * 9) / 64) },
      model: name,
    };
    const placed = JSON.parse(solveBody(Buffer.from(JSON.stringify(body)), MODELS));
    expect(placed.model.name).toBe(name);
    expect(placed.certificate.balancedness).toBeGreaterThan(0.8);
  },
);
