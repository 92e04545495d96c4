import { describe, expect, it } from "vitest";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type Placement, indexReplicas } from "../../src/model/placement.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import { gpuCount, nodeOfGpu } from "../../src/model/topology.ts";
import type { RoutingSource } from "../../src/twin/routing-source.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";
import { randomTrace } from "../random-trace.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

const { experts, topk } = SMALL_MODEL;
/** One slot for every expert. */
const PLAIN = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 8 };
const inOrder = contiguousPlacement(SMALL_MOE_LAYERS, experts, PLAIN);

function mapOf(placement: Placement) {
  const replicas = indexReplicas(placement);
  return { placement, replicas, shares: evenShares(placement, replicas) };
}

function plainPool(routing: RoutingSource): SimulatedPool {
  return new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "even", seed: 1 }, mapOf(inOrder));
}

const sources: [string, () => RoutingSource][] = [
  ["the synthetic source", () => new SyntheticRouting(SMALL_MODEL, 3)],
  [
    "a trace of fewer layers and tokens",
    () => new TraceRouting(randomTrace(new Rng(1), 50, 4, topk, experts)),
  ],
];

describe("what a pool reports", () => {
  it.each(sources)("is counted from the tokens it dispatched: %s", (_, source) => {
    const routing = source();
    const pool = plainPool(routing);
    for (let id = 0; id < 12; id++) pool.submit({ id, rank: id % 4, inputTokens: 10 + id, outputTokens: 5 });
    const load = new Float64Array(SMALL_MOE_LAYERS * experts);
    let [hops, nodeHops, tokens, steps, ms] = [0, 0, 0, 0, 0];
    for (let step = pool.step(); step !== null; step = pool.step()) {
      const { rows, sources: ranks } = pool.batch;
      for (let token = 0; token < pool.batch.tokens; token++) {
        for (let layer = 0; layer < SMALL_MOE_LAYERS; layer++) {
          const at = rows[token] * routing.rowStride + routing.column(layer);
          const chosen = [...routing.experts.subarray(at, at + topk)].filter((expert) => expert >= 0);
          for (const expert of chosen) load[layer * experts + expert]++;
          const gpus = new Set(chosen.map((expert) => Math.floor(expert / PLAIN.slotsPerGpu)));
          const nodes = new Set([...gpus].map((gpu) => nodeOfGpu(PLAIN, gpu)));
          hops += gpus.size - Number(gpus.has(ranks[token]));
          nodeHops += nodes.size - Number(nodes.has(nodeOfGpu(PLAIN, ranks[token])));
        }
      }
      expect(step.tokens).toBe(pool.batch.tokens);
      tokens += step.tokens;
      steps++;
      ms += step.ms;
    }
    const window = pool.takeWindow(250);
    expect(window.load.tokens).toEqual(load);
    expect(window).toMatchObject({ spanMs: 250, tokens, steps, hops, nodeHops, stepMs: ms });
    expect(window.gpuLoad).toEqual(loadOnGpus(window, inOrder));
    expect(pool.takeWindow(250)).toMatchObject({ tokens: 0, steps: 0, hops: 0, sumMax: 0 });
  });

  it("says who sends to whom, and which experts are read, to who asks for it", () => {
    const routing = new SyntheticRouting(SMALL_MODEL, 3);
    const options = { model: SMALL_MODEL, routing, dispatch: "even", seed: 1 } as const;
    const pool = new SimulatedPool({ ...options, detail: true }, mapOf(inOrder));
    for (let id = 0; id < 12; id++) pool.submit({ id, rank: id % 4, inputTokens: 10 + id, outputTokens: 5 });
    while (pool.step() !== null);
    const { exchange, gpuLoad, hops, activated } = pool.takeWindow(250);
    const cells = [...(exchange?.tokens ?? [])];
    expect(cells.reduce((sum, pairs, i) => sum + (i % 5 === 0 ? 0 : pairs), 0)).toBe(hops);
    const received = [0, 1, 2, 3].map((gpu) =>
      [0, 4, 8, 12].reduce((sum, row) => sum + (exchange?.selections[row + gpu] ?? 0), 0),
    );
    const loads = [0, 1, 2, 3].map((gpu) =>
      gpuLoad.reduce((sum, load, i) => sum + (i % 4 === gpu ? load : 0), 0),
    );
    expect(received).toEqual(loads);
    for (const mean of activated?.perGpu ?? []) expect(mean).toBeLessThanOrEqual(PLAIN.slotsPerGpu);
    // One token reads its experts, and no others.
    pool.submit({ id: 99, rank: 0, inputTokens: 1, outputTokens: 4 });
    while (pool.step() !== null);
    const alone = pool.takeWindow(250).activated?.perGpu ?? new Float64Array();
    expect(alone.reduce((sum, mean) => sum + mean, 0)).toBeCloseTo(topk, 9);
    const plain = plainPool(routing);
    plain.submit({ id: 1, rank: 0, inputTokens: 1, outputTokens: 2 });
    plain.step();
    const { exchange: none, activated: neither } = plain.takeWindow(250);
    expect([none, neither]).toEqual([undefined, undefined]);
  });

  it("says who sends to whom of a sample as the sample's hops are, by and large", () => {
    const routing = new SyntheticRouting(SMALL_MODEL, 3);
    const options = { model: SMALL_MODEL, routing, dispatch: "even", seed: 1, fidelity: "sampled" } as const;
    const pool = new SimulatedPool({ ...options, detail: true }, mapOf(inOrder));
    for (let id = 0; id < 40; id++) pool.submit({ id, rank: id % 4, inputTokens: 50, outputTokens: 20 });
    while (pool.step() !== null);
    const { exchange, hops, gpuLoad } = pool.takeWindow(250);
    const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);
    const across = sum((exchange?.tokens ?? []).filter((_, i) => i % 5 > 0));
    expect(Math.abs(across / hops - 1)).toBeLessThan(0.05);
    expect(Math.abs(sum(exchange?.selections ?? []) / sum(gpuLoad) - 1)).toBeLessThan(1e-9);
  });

  it.each(sources)("carries a few of its tokens, as they were routed: %s", (_, source) => {
    const routing = source();
    const pool = plainPool(routing);
    pool.submit({ id: 1, rank: 0, inputTokens: 500, outputTokens: 1 });
    pool.step();
    const width = SMALL_MOE_LAYERS * topk;
    const choices = (row: number) =>
      Array.from({ length: SMALL_MOE_LAYERS }, (_unused, layer) => {
        const at = row * routing.rowStride + routing.column(layer);
        return routing.experts.subarray(at, at + topk).join();
      }).join();
    const forwarded = new Set([...pool.batch.rows.subarray(0, pool.batch.tokens)].map(choices));
    const window = pool.takeWindow(1);
    expect(window.routing).toMatchObject({ tokens: 64, layers: SMALL_MOE_LAYERS, topk });
    for (let token = 0; token < 64; token++) {
      const row = window.routing?.experts.subarray(token * width, (token + 1) * width).join();
      expect(forwarded).toContain(row);
    }
    expect(pool.takeWindow(1).routing).toMatchObject({ tokens: 0 });
  });

  it("adds up to all choices of all tokens in every layer", () => {
    const pool = plainPool(new SyntheticRouting(SMALL_MODEL, 3));
    pool.submit({ id: 1, rank: 0, inputTokens: 100, outputTokens: 20 });
    while (pool.step() !== null);
    const { load, tokens, sumMean } = pool.takeWindow(1);
    // The prompt's pass makes the first token; every later one takes a pass of its own.
    expect(tokens).toBe(100 + 20 - 1);
    for (let layer = 0; layer < SMALL_MOE_LAYERS; layer++) {
      const row = load.tokens.subarray(layer * experts, (layer + 1) * experts);
      expect(row.reduce((sum, count) => sum + count, 0)).toBe(tokens * topk);
    }
    expect(sumMean).toBeCloseTo((SMALL_MOE_LAYERS * tokens * topk) / gpuCount(PLAIN), 9);
  });
});

/** What the GPUs of a placement without replicas carry of a window's load. */
function loadOnGpus({ load }: PoolWindow, { physicalToLogical, topology }: Placement): Float64Array {
  const gpus = new Float64Array(load.layers * gpuCount(topology));
  for (let i = 0; i < load.layers * experts; i++) {
    const layer = Math.floor(i / experts);
    gpus[Math.floor(i / topology.slotsPerGpu)] += load.tokens[layer * experts + physicalToLogical[i]];
  }
  return gpus;
}

it("a pool dispatches by an adopted map from its next step on", () => {
  const pool = plainPool(new SyntheticRouting(SMALL_MODEL, 3));
  const reversed = {
    ...inOrder,
    physicalToLogical: Int32Array.from(
      { length: SMALL_MOE_LAYERS * experts },
      (_, i) => experts - 1 - (i % experts),
    ),
  };
  pool.submit({ id: 1, rank: 0, inputTokens: 300, outputTokens: 10 });
  pool.step();
  pool.adopt(mapOf(reversed));
  const before = pool.takeWindow(1);
  expect(before.gpuLoad).toEqual(loadOnGpus(before, inOrder));
  expect(before.gpuLoad).not.toEqual(loadOnGpus(before, reversed));
  for (let step = 0; step < 5; step++) pool.step();
  const after = pool.takeWindow(1);
  expect(after.gpuLoad).toEqual(loadOnGpus(after, reversed));
});

describe("a request", () => {
  const smallPool = () =>
    new SimulatedPool(
      { model: SMALL_MODEL, routing: new SyntheticRouting(SMALL_MODEL, 3), dispatch: "priced", seed: 1 },
      smallPlan(),
    );

  it("gets its first token from its prompt's last chunk, and then one a step", () => {
    const pool = smallPool();
    pool.submit({ id: 7, rank: 2, inputTokens: 5000, outputTokens: 3 });
    const steps = [pool.step(), pool.step(), pool.step(), pool.step(), pool.step(), pool.step()];
    expect(steps.map((step) => step?.tokens)).toEqual([2048, 2048, 904, 1, 1, undefined]);
    expect(steps.map((step) => step?.made)).toEqual([[], [], [7], [7], [7], undefined]);
    expect(steps.map((step) => step?.finished)).toEqual([[], [], [], [], [7], undefined]);
    expect(pool.inFlight).toBe(0);
  });

  it("does not hold up the tokens of others while its prompt is forwarded", () => {
    const pool = smallPool();
    pool.submit({ id: 1, rank: 0, inputTokens: 10, outputTokens: 100 });
    pool.step();
    pool.submit({ id: 2, rank: 0, inputTokens: 5000, outputTokens: 1 });
    expect(pool.step()).toMatchObject({ tokens: 2048, made: [1] });
  });

  it("frees its place when it is cancelled, and is forgotten", () => {
    const pool = smallPool();
    pool.submit({ id: 1, rank: 0, inputTokens: 10, outputTokens: 100 });
    pool.step();
    expect(pool.takeWindow(1).ranks[0]).toMatchObject({ running: 1, kvTokens: 11 });
    expect(pool.cancel(1)).toBe(true);
    expect(pool.cancel(1)).toBe(false);
    expect(pool.takeWindow(1).ranks[0]).toMatchObject({ running: 0, waiting: 0, kvTokens: 0 });
    expect(pool.step()).toBeNull();
  });
});
