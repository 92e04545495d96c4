import { describe, expect, it } from "vitest";
import { V3Gate } from "../../src/core/gate/v3-gate.ts";
import { solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { HOP_WEIGHT } from "../../src/core/placement/coactivation.ts";
import { expectedNodeHops } from "../../src/core/placement/node-hops.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { type Topology, gpuCount } from "../../src/model/topology.ts";
import { loadOf } from "../one-layer-trace.ts";
import { problemOf } from "../placement-problem.ts";

/** DeepSeek-V3's gate: 8 of 256 experts, of 4 of 8 groups. */
const GATE = { experts: 256, groups: 8, topkGroups: 4, topk: 8 };
const TOKENS = 2048;

/** Tokens of one layer with experts that are hotter than others. */
function gatedTrace(seed: number): RoutingTrace {
  const rng = new Rng(seed);
  const gate = new V3Gate(GATE);
  const liked = Float64Array.from({ length: GATE.experts }, () => 0.4 * rng.normal());
  const biased = new Float64Array(GATE.experts);
  const experts = new Int16Array(TOKENS * GATE.topk);
  for (let token = 0; token < TOKENS; token++) {
    for (let e = 0; e < GATE.experts; e++) biased[e] = 1 / (1 + Math.exp(-liked[e] - rng.normal()));
    gate.select(biased, experts, token * GATE.topk);
  }
  return { tokens: TOKENS, layers: 1, topk: GATE.topk, experts };
}

/** Node hops of a token whose selections each fall to a replica by the shares, its source on any node. */
function hopsByShares(
  { placement, shares }: { placement: Placement; shares: Float64Array },
  trace: RoutingTrace,
): number {
  const { offsets, slots } = indexReplicas(placement);
  const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
  let visits = 0;
  for (let token = 0; token < trace.tokens; token++) {
    const unvisited = new Float64Array(nodes).fill(1);
    for (const expert of trace.experts.subarray(token * trace.topk, (token + 1) * trace.topk)) {
      const there = new Float64Array(nodes);
      for (const slot of slots.subarray(offsets[expert], offsets[expert + 1]))
        there[Math.floor(slot / (gpusPerNode * slotsPerGpu))] += shares[slot];
      for (let node = 0; node < nodes; node++) unvisited[node] *= 1 - there[node];
    }
    visits += unvisited.reduce((sum, part) => sum + 1 - part, 0);
  }
  return (visits / trace.tokens) * (1 - 1 / nodes);
}

const POOLS: readonly Topology[] = [
  { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 },
  { nodes: 8, gpusPerNode: 8, slotsPerGpu: 5 },
];

describe.each(POOLS)(
  "groups without a routing trace, on $nodes nodes of $slotsPerGpu slots per GPU",
  (topology) => {
    const cases = [1, 2, 3].map((seed) => {
      const trace = gatedTrace(seed);
      const load = loadOf(trace, GATE.experts);
      const { groups } = GATE;
      return {
        trace,
        grouped: solvePlacement(problemOf(load, topology, { groups })),
        loose: solvePlacement(problemOf(load, topology)),
        eplb: solvePlacement(problemOf(load, topology, { groups, algorithm: "eplb" })),
      };
    });

    it("save node hops nearly as hierarchical EPLB does, and keep the balance", () => {
      for (const { trace, grouped, loose, eplb } of cases) {
        expect(placementFault(grouped.placement)).toBeNull();
        const [ours, without, theirs] = [grouped, loose, eplb].map((solution) =>
          hopsByShares(solution, trace),
        );
        expect(ours).toBeLessThan(0.9 * without);
        expect(ours).toBeLessThan(1.1 * theirs);
        expect(grouped.certificate.balancedness).toBeGreaterThan(0.99);
        expect(grouped.certificate.balancedness).toBeGreaterThan(eplb.certificate.balancedness);
      }
    });

    it("lose less balance than the hop weight says that the saved hops are worth", () => {
      for (const { trace, grouped, loose } of cases) {
        const hops = ({ placement }: { placement: Placement }) =>
          expectedNodeHops(placement, indexReplicas(placement), trace);
        const saved = hops(loose) - hops(grouped);
        const unlevelled = gpuCount(topology) * (1 / grouped.certificate.balancedness - 1);
        expect(saved).toBeGreaterThan(0.1);
        expect(unlevelled).toBeLessThan(HOP_WEIGHT * (topology.nodes / 4) * saved);
      }
    });
  },
);

describe("groups", () => {
  const trace = gatedTrace(4);
  const load = loadOf(trace, GATE.experts);

  it("that fit on no node are on as few as can be", () => {
    const topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
    const { physicalToLogical } = solvePlacement(problemOf(load, topology, { groups: 2 })).placement;
    for (const group of [0, 1]) {
      const held = new Float64Array(topology.nodes);
      for (let slot = 0; slot < physicalToLogical.length; slot++)
        if (Math.floor(physicalToLogical[slot] / 128) === group) held[Math.floor(slot / 72)]++;
      const [first, second, ...others] = held.toSorted().toReversed();
      expect(first + second).toBeGreaterThan(9 * others.reduce((a, b) => a + b, 0));
    }
  });

  it("that lost their node come back together", () => {
    const wide = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 12 };
    const topology = { ...wide, nodes: 3 };
    const previous = solvePlacement(problemOf(load, wide, { groups: 8 })).placement;
    const back = (groups: number) => solvePlacement(problemOf(load, topology, { groups, previous }));
    const hops = (groups: number) => hopsByShares(back(groups), trace);
    expect(hops(8)).toBeLessThan(hops(1));
  });
});
