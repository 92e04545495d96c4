import { describe, expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { indexReplicas, type Placement } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { gpuCount } from "../../src/model/topology.ts";
import { cliqueTrace } from "../clique-trace.ts";
import { batchOf, loadOf } from "../one-layer-trace.ts";

const EXPERTS = 64;
const GROUPS = 8;
const CLIQUES = { experts: EXPERTS, size: 4, perToken: 2, skew: 2 };
const TOPOLOGY = { nodes: 4, gpusPerNode: 2, slotsPerGpu: 9 };
const CAPACITY = fullCapacity(TOPOLOGY);
const TOKENS = 1500;
const SEEDS = Array.from({ length: 16 }, (_, seed) => seed);

/** Per token, when the trace is dispatched. */
function nodeHops(placement: Placement, trace: RoutingTrace): number {
  const replicas = indexReplicas(placement);
  const shares = solveShares(placement, replicas, loadOf(trace, EXPERTS));
  const gpus = gpuCount(TOPOLOGY);
  const batch = batchOf(trace, (token) => token % gpus);
  const slots = new Int32Array(trace.experts.length);
  replicaChooser("priced", { placement, replicas, shares }, 0).choose(0, 0, batch, slots);
  return new TallyCounter(TOPOLOGY).count(batch, slots).nodeHops / trace.tokens;
}

function planned(sample: RoutingTrace, hopWeight: number): Placement {
  return placeExperts({
    load: loadOf(sample, EXPERTS),
    topology: TOPOLOGY,
    capacity: CAPACITY,
    coactivation: { sample, groups: GROUPS, hopWeight },
  });
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

describe("placing together what is used together", () => {
  const cases = SEEDS.map((seed) => ({
    sample: cliqueTrace(CLIQUES, TOKENS, seed, 2 * seed),
    later: cliqueTrace(CLIQUES, TOKENS, seed, 2 * seed + 1),
  }));

  it("needs clearly fewer node hops than hierarchical EPLB, on tokens it has not seen", () => {
    for (const { sample, later } of cases) {
      const ours = nodeHops(planned(sample, 10), later);
      const hierarchical = nodeHops(eplb(loadOf(sample, EXPERTS), TOPOLOGY, GROUPS), later);
      expect(ours).toBeLessThan(0.85 * hierarchical);
    }
  });

  it("trades balance for hops by its one weight, on average", () => {
    const byWeight = [1, 3, 10].map((hopWeight) => {
      const outcomes = cases.map(({ sample, later }) => {
        const placement = planned(sample, hopWeight);
        const { optimum } = solveShares(placement, indexReplicas(placement), loadOf(sample, EXPERTS));
        return { hops: nodeHops(placement, later), max: optimum[0] };
      });
      return { hops: mean(outcomes.map(({ hops }) => hops)), max: mean(outcomes.map(({ max }) => max)) };
    });
    for (let i = 1; i < byWeight.length; i++) {
      expect(byWeight[i].hops).toBeLessThan(byWeight[i - 1].hops);
      expect(byWeight[i].max).toBeGreaterThan(byWeight[i - 1].max);
    }
  });
});
