import { describe, expect, it } from "vitest";
import { expectedNodeHops } from "../../src/core/placement/node-hops.ts";
import { type PlacementRequest, placeExperts } from "../../src/core/placement/place-experts.ts";
import { spread } from "../../src/core/placement/scenario-spread.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type ExpertLoad, emptyLoad } from "../../src/model/load.ts";
import { type Placement, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { type Topology, gpuCount } from "../../src/model/topology.ts";
import { cliqueTrace } from "../clique-trace.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { batchLoads, loadOf } from "../one-layer-trace.ts";
import { randomTrace } from "../random-trace.ts";
import { TopicWindows } from "../topic-windows.ts";

const SEEDS = Array.from({ length: 16 }, (_, seed) => seed);
const WINDOWS = 24;

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Largest GPU load / mean, the shares following each load: the mean over loads and layers. */
function meanMaximum(placement: Placement, loads: readonly ExpertLoad[]): number {
  const replicas = indexReplicas(placement);
  const gpus = gpuCount(placement.topology);
  return mean(
    loads.flatMap((load) => {
      const perLayer = load.tokens.reduce((a, b) => a + b, 0) / load.layers / gpus;
      return [...solveShares(placement, replicas, load).optimum].map((max) => max / perLayer);
    }),
  );
}

function sumOf(loads: readonly ExpertLoad[]): ExpertLoad {
  const all = emptyLoad(loads[0].layers, loads[0].experts);
  for (const { tokens } of loads) for (let i = 0; i < tokens.length; i++) all.tokens[i] += tokens[i];
  return all;
}

describe("windows of requests, each of one topic", () => {
  const cases = SEEDS.map((seed) => {
    const windows = new TopicWindows(seed);
    const rng = new Rng(seed, 1);
    const draw = () => windows.next(Array.from({ length: windows.topics }, () => rng.exponential(1)));
    const seen = Array.from({ length: WINDOWS }, draw);
    return { load: sumOf(seen), seen, later: Array.from({ length: WINDOWS }, draw) };
  });

  it.each([
    ["32 slots", { nodes: 1, gpusPerNode: 8, slotsPerGpu: 4 }, 0.95],
    ["40 slots", { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 }, 0.99],
  ])("are balanced better, on average, when placed for how they vary: %s", (_, topology, most) => {
    const capacity = fullCapacity(topology);
    const later = (how: (one: (typeof cases)[number]) => Partial<PlacementRequest>) =>
      mean(
        cases.map((one) =>
          meanMaximum(
            placeExperts({ load: one.load, topology, capacity, coactivation: null, ...how(one) }),
            one.later,
          ),
        ),
      );
    const byScenarios = later(({ seen }) => ({ scenarios: seen }));
    expect(byScenarios).toBeLessThan(most * later(() => ({})));
    // How much each expert varies is not all: with whom it does counts.
    expect(byScenarios).toBeLessThan(later(({ load, seen }) => ({ deviation: spread(load, seen) })));
  });
});

describe("experts that are used together", () => {
  const EXPERTS = 64;
  const CLIQUES = { experts: EXPERTS, size: 4, perToken: 2, skew: 2 };
  const POOL = { nodes: 4, gpusPerNode: 2, slotsPerGpu: 9 };
  const BATCH = 48;
  const cases = SEEDS.map((seed) => ({
    sample: cliqueTrace(CLIQUES, 1500, seed, 2 * seed),
    later: cliqueTrace(CLIQUES, 1500, seed, 2 * seed + 1),
  }));

  /** Of later tokens, in batches, on average over the seeds. */
  function outcome(topology: Topology, hopWeight: number, varies: boolean) {
    const outcomes = cases.map(({ sample, later }) => {
      const placement = placeExperts({
        load: loadOf(sample, EXPERTS),
        scenarios: varies ? batchLoads(sample, EXPERTS, BATCH) : [],
        topology,
        capacity: fullCapacity(topology),
        coactivation: { sample, groups: 8, hopWeight },
      });
      return {
        hops: expectedNodeHops(placement, indexReplicas(placement), later),
        max: meanMaximum(placement, batchLoads(later, EXPERTS, BATCH)),
      };
    });
    return { hops: mean(outcomes.map(({ hops }) => hops)), max: mean(outcomes.map(({ max }) => max)) };
  }

  it("part for balance, and meet for hops: by the hop weight", () => {
    const byWeight = [0, 1, 10].map((hopWeight) => outcome(POOL, hopWeight, true));
    for (let i = 1; i < byWeight.length; i++) {
      expect(byWeight[i].hops).toBeLessThan(byWeight[i - 1].hops);
      expect(byWeight[i].max).toBeGreaterThan(byWeight[i - 1].max);
    }
  });

  it("make fewer hops at a lower maximum when placed for how their batches vary", () => {
    for (const hopWeight of [1, 10]) {
      const [without, by] = [outcome(POOL, hopWeight, false), outcome(POOL, hopWeight, true)];
      expect(by.hops).toBeLessThan(without.hops);
      expect(by.max).toBeLessThan(without.max);
    }
  });

  it("make clearly fewer hops where no copies can save them, when hops are all that counts", () => {
    const full = { ...POOL, slotsPerGpu: 8 };
    expect(outcome(full, 100, true).hops).toBeLessThan(0.86 * outcome(full, 100, false).hops);
  });
});

describe("odd pools and scenarios", () => {
  const EXPERTS = 12;
  const LAYERS = 2;

  function drawn(rng: Rng): ExpertLoad {
    const tokens = Float64Array.from({ length: LAYERS * EXPERTS }, () => rng.exponential(100));
    return { layers: LAYERS, experts: EXPERTS, tokens };
  }

  function request(topology: Topology, slots: readonly number[], count: number) {
    const rng = new Rng(topology.nodes, count);
    const scenarios = Array.from({ length: count }, () => drawn(rng));
    const capacity = { ...fullCapacity(topology), slots: Int32Array.from(slots) };
    const sample = randomTrace(rng, 200, 1, 3, EXPERTS);
    const coactivation = { sample, groups: 2, hopWeight: 3 };
    return { load: sumOf(scenarios), scenarios, topology, capacity, coactivation };
  }

  it.each([
    ["one scenario", { nodes: 2, gpusPerNode: 2, slotsPerGpu: 4 }, [4, 4, 4, 4], 1],
    ["one node", { nodes: 1, gpusPerNode: 4, slotsPerGpu: 4 }, [4, 4, 4, 4], 5],
    ["one GPU", { nodes: 1, gpusPerNode: 1, slotsPerGpu: 14 }, [14], 5],
    ["slots that cannot be used", { nodes: 2, gpusPerNode: 2, slotsPerGpu: 6 }, [6, 0, 3, 4], 5],
    ["a node out of service", { nodes: 3, gpusPerNode: 2, slotsPerGpu: 4 }, [4, 4, 0, 0, 4, 3], 5],
    ["more nodes than groups", { nodes: 6, gpusPerNode: 1, slotsPerGpu: 3 }, [3, 3, 3, 3, 3, 3], 5],
  ])("every expert has a slot, no GPU two copies of one: %s", (_, topology, slots, count) => {
    const placement = placeExperts(request(topology, slots, count));
    expect(placementFault(placement)).toBeNull();
    for (const [i, experts] of gpuExperts(placement).entries()) {
      const held = experts.filter((expert) => expert >= 0);
      expect(new Set(held).size).toBe(held.length);
      expect(experts.slice(slots[i % slots.length]).every((expert) => expert === -1)).toBe(true);
    }
  });

  it("a layer in which no scenario has load is placed as if there were none", () => {
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 4 };
    const given = { ...request(topology, [4, 4, 4, 4], 5), coactivation: null };
    const idle = given.scenarios.map((one) => ({ ...one, tokens: one.tokens.slice().fill(0, EXPERTS) }));
    const [idly, without] = [idle, []].map((scenarios) => gpuExperts(placeExperts({ ...given, scenarios })));
    expect(idly.slice(4)).toEqual(without.slice(4));
    expect(idly.slice(0, 4)).not.toEqual(without.slice(0, 4));
  });
});
