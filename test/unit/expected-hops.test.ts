import { describe, expect, it } from "vitest";
import { ExpectedHops } from "../../src/core/batching/expected-hops.ts";
import { likenessOf } from "../../src/core/batching/likeness.ts";
import { requestKinds } from "../../src/core/batching/request-kinds.ts";
import { ExpertSketch } from "../../src/core/load/expert-sketch.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { randomPlacement } from "../random-placement.ts";
import { randomTrace } from "../random-trace.ts";

function mapOf(experts: number, physicalToLogical: readonly number[]): ReplicaMap {
  const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
  const placement = { layers: 1, experts, topology, physicalToLogical: Int32Array.from(physicalToLogical) };
  const replicas = indexReplicas(placement);
  return { placement, replicas, shares: evenShares(placement, replicas) };
}

function expected(map: ReplicaMap, prediction: readonly number[]) {
  const nodeHops = new Float64Array(2);
  const ownVisits = new Float64Array(4);
  new ExpectedHops(map).from(Float64Array.from(prediction), nodeHops, ownVisits);
  return { nodeHops: [...nodeHops], ownVisits: [...ownVisits] };
}

const visits = (selections: number) => 1 - Math.exp(-selections);

describe("expected hops", () => {
  it("go to the other node's experts, and save visits to the own GPU's", () => {
    const { nodeHops, ownVisits } = expected(mapOf(4, [0, 1, 2, 3]), [0.5, 0.25, 1, 0]);
    expect(nodeHops[0]).toBeCloseTo(visits(1), 12);
    expect(nodeHops[1]).toBeCloseTo(visits(0.75), 12);
    expect(ownVisits.map((value) => value.toFixed(9))).toEqual(
      [0.5, 0.25, 1, 0].map((selections) => visits(selections).toFixed(9)),
    );
  });

  it("are none for an expert with a copy on the source's node, and split by shares for another", () => {
    // Expert 0 has a copy on either node; expert 1 on node 0, expert 2 on node 1.
    const { nodeHops } = expected(mapOf(3, [0, 1, 0, 2]), [1, 0.3, 0.6]);
    expect(nodeHops[0]).toBeCloseTo(visits(0.6), 12);
    expect(nodeHops[1]).toBeCloseTo(visits(0.3), 12);
  });

  it("are about those of dispatch, and fewest from the same node", () => {
    const topology = { nodes: 4, gpusPerNode: 2, slotsPerGpu: 5 };
    const rng = new Rng(3);
    const placement = randomPlacement(rng, 1, 32, topology);
    const replicas = indexReplicas(placement);
    const map = { placement, replicas, shares: evenShares(placement, replicas) };
    const trace = randomTrace(rng, 4000, 1, 3, 32);
    // Three tokens in four of this request keep to the experts below 8.
    for (let i = 0; i < trace.experts.length; i++) {
      if (i % 4 !== 0 && trace.experts[i] >= 0) trace.experts[i] %= 8;
    }
    const sketch = new ExpertSketch(1, 32, 3, 1 << 16);
    sketch.observe({ prefix: null, tenant: "a" }, trace);
    const prediction = new Float64Array(32);
    sketch.predict({ prefix: null, tenant: "a" }, prediction);
    const { nodeHops } = requestKinds(map, [prediction]);
    const counter = new TallyCounter(topology);
    const slots = new Int32Array(trace.tokens * 3);
    const measured = Array.from({ length: 4 }, (_, node) => {
      const batch = {
        tokens: trace.tokens,
        sources: new Int32Array(trace.tokens).fill(node * 2),
        rows: Int32Array.from({ length: trace.tokens }, (__, i) => i),
        experts: trace.experts,
        rowStride: 3,
        topk: 3,
      };
      replicaChooser("priced", map, 1).choose(0, 0, batch, slots);
      return counter.count(batch, slots).nodeHops / trace.tokens;
    });
    expect(nodeHops.indexOf(Math.min(...nodeHops))).toBe(measured.indexOf(Math.min(...measured)));
    for (const [node, hops] of measured.entries()) {
      expect(Math.abs(nodeHops[node] / hops - 1)).toBeLessThan(0.15);
    }
  });
});

describe("likeness", () => {
  it("puts kinds that use the same experts together, and the others apart", () => {
    const around = (experts: readonly number[]) =>
      Float64Array.from({ length: 8 }, (_, e) => (experts.includes(e) ? 1 : 0.1));
    const [a, b, c, d] = likenessOf([around([0, 1]), around([6, 7]), around([0, 1, 2]), around([5, 6, 7])]);
    expect(Math.sign(a)).toBe(Math.sign(c));
    expect(Math.sign(b)).toBe(Math.sign(d));
    expect(Math.sign(a)).toBe(-Math.sign(b));
  });

  it("of kinds that are all the same, or of none, says nothing", () => {
    expect([...likenessOf([Float64Array.of(1, 2), Float64Array.of(1, 2)])]).toEqual([0, 0]);
    expect([...likenessOf([])]).toEqual([]);
  });
});
