import { describe, expect, it } from "vitest";
import { SMALL_MODEL, SMALL_MOE_LAYERS, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { evenWhereIdle, idleLayers } from "../../src/core/load/idle-layers.ts";
import { RecentParts } from "../../src/core/load/recent-parts.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import { loadSummary } from "../../src/core/planning/explanation.ts";
import { type PlacementProblem, solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity, outOfService } from "../../src/model/pool-capacity.ts";
import { slotCount } from "../../src/model/topology.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { problemOf, skewedLoad } from "../placement-problem.ts";
import { randomTrace } from "../random-trace.ts";

const CADENCE = { sharesMs: 100, placementMs: 1000 };
const LAYERS = 4;
const EXPERTS = 24;
const TOPOLOGY = { nodes: 2, gpusPerNode: 3, slotsPerGpu: 5 };
const WIDTH = slotCount(TOPOLOGY);

const row = ({ physicalToLogical, topology }: Placement, layer: number) => {
  const width = slotCount(topology);
  return (physicalToLogical as Int32Array).slice(layer * width, (layer + 1) * width);
};

const WAYS: readonly [string, Partial<PlacementProblem>][] = [
  ["plimsoll", {}],
  ["plimsoll by groups", { groups: 4 }],
  ["EPLB", { algorithm: "eplb" }],
  ["plimsoll by activations", { activation: { batchTokens: 8, topk: 2 } }],
  [
    "plimsoll by routing",
    { routing: { trace: randomTrace(new Rng(3), 5000, LAYERS, 2, EXPERTS), hopWeight: 6 } },
  ],
];

describe.each([[[0]], [[LAYERS - 1]], [[0, 2]]])("layers %j without a token", (idle) => {
  const load = skewedLoad(5, LAYERS, EXPERTS, idle);

  it.each(WAYS)("start with every expert alike: %s", (_, way) => {
    const solution = solvePlacement(problemOf(load, TOPOLOGY, way));
    expect(solution.idle).toEqual(idle);
    expect(placementFault(solution.placement)).toBeNull();
    const { offsets } = indexReplicas(solution.placement);
    for (const layer of idle) {
      for (let i = layer * EXPERTS; i < (layer + 1) * EXPERTS; i++) {
        expect(offsets[i + 1] - offsets[i]).toBeLessThanOrEqual(2);
      }
    }
    expect([...solution.shares].every(Number.isFinite)).toBe(true);
  });

  it.each(WAYS.slice(0, -1))("keep what they have: %s", (_, way) => {
    const previous = contiguousPlacement(LAYERS, EXPERTS, TOPOLOGY);
    const { placement, moves } = solvePlacement(problemOf(load, TOPOLOGY, { ...way, previous }));
    for (const layer of idle) expect(row(placement, layer)).toEqual(row(previous, layer));
    expect(moves.slots).toBeGreaterThan(0);
  });

  it("have no empty slots in a pool that grows", () => {
    const previous = contiguousPlacement(LAYERS, EXPERTS, TOPOLOGY);
    for (const algorithm of ["plimsoll", "eplb"] as const) {
      const grown = { ...TOPOLOGY, nodes: 3 };
      const { placement } = solvePlacement(problemOf(load, grown, { previous, algorithm }));
      expect(placement.physicalToLogical).not.toContain(-1);
      for (const layer of idle)
        expect(row(placement, layer).subarray(0, WIDTH)).toEqual(row(previous, layer));
    }
  });

  it("count for nothing in the certificate", () => {
    const { certificate } = solvePlacement(problemOf(load, TOPOLOGY));
    for (const layer of idle)
      expect(certificate.layers[layer]).toMatchObject({ max: 0, mean: 0, bound: 0, gap: 0 });
    const loaded = [...Array(LAYERS).keys()].filter((layer) => !idle.includes(layer));
    const tokens = load.tokens.filter((_, i) => loaded.includes(Math.floor(i / EXPERTS)));
    const alone = { layers: loaded.length, experts: EXPERTS, tokens };
    const { balancedness, bound } = solvePlacement(problemOf(alone, TOPOLOGY)).certificate;
    expect([certificate.balancedness, certificate.bound]).toEqual([balancedness, bound]);
  });

  it("keep what is left of a larger pool, and get back what is missing", () => {
    const larger = { ...TOPOLOGY, nodes: 3 };
    const previous = contiguousPlacement(LAYERS, EXPERTS, larger);
    const { placement } = solvePlacement(problemOf(load, TOPOLOGY, { previous, maxMoves: 0 }));
    expect(placementFault(placement)).toBeNull();
    for (const layer of idle) {
      const was = row(previous, layer).subarray(0, WIDTH);
      const is = row(placement, layer);
      expect(is.filter((expert, slot) => expert !== was[slot])).toHaveLength(EXPERTS - new Set(was).size);
    }
  });
});

it("a layer with one token is loaded", () => {
  const load = { layers: 2, experts: 3, tokens: Float64Array.of(0, 0, 0, 0, 1e-9, 0) };
  expect(idleLayers(load)).toEqual([0]);
  expect([...evenWhereIdle(load).tokens]).toEqual([1, 1, 1, 0, 1e-9, 0]);
});

describe("a pool with a draft layer that is idle", () => {
  const { experts } = SMALL_MODEL;

  it.each(Object.values(BALANCE_POLICIES))("$name goes on, and leaves that layer as it is", (policy) => {
    for (const idle of [0, SMALL_MOE_LAYERS - 1]) {
      const topology =
        policy.placement === "contiguous" ? { ...SMALL_TOPOLOGY, slotsPerGpu: 8 } : SMALL_TOPOLOGY;
      const balancer = new Balancer(SMALL_MODEL, topology, policy, CADENCE, 0);
      const start = balancer.current.placement;
      for (let second = 1; second <= 12; second++) {
        balancer.observe(skewedLoad(second, SMALL_MOE_LAYERS, experts, [idle]), 1000);
        const decision = balancer.decide(second * 1000);
        if (policy.placement === "contiguous") expect(decision).toBeNull();
        if (decision === null) continue;
        expect(decision.explanation.inForce.balancedness).toBeGreaterThan(0);
        balancer.accept(decision.plan);
        const { values, prices } = decision.plan.shares;
        for (const numbers of [values, prices])
          expect((numbers as Float64Array).every(Number.isFinite)).toBe(true);
      }
      const { placement } = balancer.current;
      expect(row(placement, idle)).toEqual(row(start, idle));
      if (policy.placement !== "contiguous")
        expect(placement.physicalToLogical).not.toEqual(start.physicalToLogical);
    }
  });

  it("has its experts brought back from a lost rank all the same", () => {
    const topology = { ...SMALL_TOPOLOGY, slotsPerGpu: 14 };
    const balancer = new Balancer(SMALL_MODEL, topology, BALANCE_POLICIES.plimsoll, CADENCE, 0);
    balancer.observe(skewedLoad(1, SMALL_MOE_LAYERS, experts, [5]), 1000);
    const { placement } =
      balancer.decide(50, outOfService(fullCapacity(topology), [1]))?.plan ?? balancer.current;
    expect(placementFault(placement)).toBeNull();
    const held = gpuExperts(placement).filter((_, i) => i % 4 === 1);
    expect(held.flat().every((expert) => expert === -1)).toBe(true);
  });

  it("still learns how the load varies, though its first layer is idle", () => {
    const parts = new RecentParts(2, 2, 1);
    for (let i = 0; i < 8; i++)
      parts.observe({ layers: 2, experts: 2, tokens: Float64Array.of(0, 0, 2048, i) }, 1000);
    const around = parts.around({ layers: 2, experts: 2, tokens: Float64Array.of(0, 0, 1, 1) });
    expect(around).toHaveLength(8);
    expect(around.every(({ tokens }) => tokens.every(Number.isFinite))).toBe(true);
  });

  it("says the tokens of the layers that are loaded", () => {
    const load = { layers: 2, experts: 2, tokens: Float64Array.of(0, 0, 30, 10) };
    expect(loadSummary(load).tokensPerSecond).toBe(40);
  });
});
