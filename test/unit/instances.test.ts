import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { decodeSteps } from "../../src/twin/instances/decode-steps.ts";
import { placedFor } from "../../src/twin/instances/instance-placement.ts";
import { InstanceLoad } from "../../src/twin/instances/instance-load.ts";
import { answerRows, promptRows, requestTokens } from "../../src/twin/instances/request-tokens.ts";
import { StepCounter } from "../../src/twin/instances/step-counter.ts";

describe("the tokens of requests", () => {
  it("are found however they lie, numbered by id, and arrive by their first tokens", () => {
    const requests = requestTokens([9, 2, 9, 40, 2, 9, 2, 9]);
    expect([...requests.ids]).toEqual([2, 9, 40]);
    expect([...requests.arrivals]).toEqual([1, 0, 2]);
    expect([0, 1, 2].map((r) => [...promptRows(requests, r)])).toEqual([[1], [0, 2], []]);
    expect([0, 1, 2].map((r) => [...answerRows(requests, r)])).toEqual([[4, 6], [5, 7], [3]]);
  });
});

describe("decode steps", () => {
  it("take one token of each active request in turn, and the next request where one ends", () => {
    // Answers of 2, 1, 3 and 1 tokens.
    const requests = requestTokens([0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 3]);
    const steps: number[][] = [];
    decodeSteps(requests, [0, 1, 2, 3], 2, (rows) => steps.push([...rows]));
    expect(steps).toEqual([
      [2, 4],
      [3, 7],
      [10, 8],
    ]);
  });

  it("are as many as the longest can fill alone where fewer requests come than are decoded at a time", () => {
    const requests = requestTokens([0, 0, 1, 1, 1, 1]);
    const steps: number[][] = [];
    decodeSteps(requests, [1, 0], 8, (rows) => steps.push([...rows]));
    expect(steps).toEqual([[4, 1]]);
    decodeSteps(requests, [], 8, () => expect.unreachable());
  });

  it("are counted as by hand: distinct experts, the worst GPU, node hops", () => {
    const rng = new Rng(6);
    const [tokens, layers, topk, experts] = [24, 2, 3, 12];
    const ids = Int16Array.from({ length: tokens * layers * topk }, () => rng.below(experts + 1) - 1);
    const trace = { tokens, layers, topk, experts: ids };
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 3 };
    const counter = new StepCounter(trace, topology, null);
    let [distinct, worst, hops] = [0, 0, 0];
    for (let step = 0; step < 3; step++) {
      const rows = Int32Array.from({ length: 8 }, (_, i) => step * 8 + i);
      counter.add(rows);
      for (let layer = 0; layer < layers; layer++) {
        const of = (row: number) => [
          ...ids.subarray((row * layers + layer) * topk, (row * layers + layer + 1) * topk),
        ];
        const read = new Set([...rows].flatMap(of).filter((id) => id >= 0));
        distinct += read.size;
        worst += Math.max(
          ...[0, 1, 2, 3].map((gpu) => [...read].filter((id) => Math.floor(id / 3) === gpu).length),
        );
        for (const [i, row] of rows.entries()) {
          const nodes = new Set(
            of(row)
              .filter((id) => id >= 0)
              .map((id) => Math.floor(id / 6)),
          );
          nodes.delete(i < 4 ? 0 : 1);
          hops += nodes.size;
        }
      }
    }
    expect(counter.figures()).toEqual({
      steps: 3,
      tokensPerStep: 8,
      distinctExperts: distinct / 6,
      worstGpuExperts: worst / 6,
      nodeHops: hops / 48,
      stepMs: null,
    });
  });
});

describe("experts placed for what an instance gets", () => {
  const [tokens, layers, topk, experts] = [400, 2, 2, 16];
  const topology = { nodes: 1, gpusPerNode: 4, slotsPerGpu: 4 };
  const rng = new Rng(12);
  // Nearly all tokens use the first eight experts, which lie on two GPUs in the order of their numbers.
  const ids = Int16Array.from({ length: tokens * layers * topk }, () =>
    rng.uniform() < 0.95 ? rng.below(8) : rng.below(experts),
  );
  const trace = { tokens, layers, topk, experts: ids };
  const requests = requestTokens(Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / 100)));
  const pool = { trace, experts, requests, topology, batch: 8 };

  it("are spread over the GPUs, each once, and the worst GPU reads fewer", () => {
    const slotOf = placedFor(pool, [0, 1, 2, 3]) as Int32Array;
    for (let layer = 0; layer < layers; layer++) {
      const slots = slotOf.subarray(layer * experts, (layer + 1) * experts);
      expect([...slots].sort((a, b) => a - b)).toEqual([...Array(experts).keys()]);
      const hot = [...slots.subarray(0, 8)].map((slot) => Math.floor(slot / topology.slotsPerGpu));
      expect(hot.sort((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    }
    const [numbered, placed] = [
      new StepCounter(trace, topology, null),
      new StepCounter(trace, topology, null),
    ];
    decodeSteps(requests, [0, 1, 2, 3], 4, (rows) => {
      numbered.add(rows);
      placed.add(rows, slotOf);
    });
    expect(placed.figures().distinctExperts).toBe(numbered.figures().distinctExperts);
    expect(placed.figures().worstGpuExperts).toBeLessThan(numbered.figures().worstGpuExperts - 0.5);
  });

  it("stay where they are where no prompt says anything", () => {
    expect(placedFor(pool, [])).toBeNull();
  });
});

describe("the load of instances", () => {
  it("leaves room that shrinks to the band, and remembers who was ahead", () => {
    const load = new InstanceLoad(2, 200, 0.05);
    expect(load.slack).toBeCloseTo(54);
    load.add(1, 60);
    expect(load.slack).toBeCloseTo(39);
    expect(load.least).toBe(0);
    load.add(0, 140);
    expect(load.slack).toBeCloseTo(4);
    expect(load.mostAhead).toBeCloseTo(0.4);
    expect(load.maxToMean).toBeCloseTo(1.4);
  });
});
