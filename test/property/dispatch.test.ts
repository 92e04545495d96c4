import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import type { TokenBatch } from "../../src/core/dispatch/token-batch.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { type Topology, slotCount } from "../../src/model/topology.ts";
import { LAYERS, chosenSlots, dispatchCase, randomBatch, replicaMap, selection } from "../random-dispatch.ts";
import { runs } from "../runs.ts";

describe.each(DISPATCH_POLICIES)("%s", (policy) => {
  it("sends every selection to a slot that holds its expert, and nothing where there is none", () => {
    fc.assert(
      fc.property(dispatchCase, ({ map, batch, seed }) => {
        const chooser = replicaChooser(policy, map, seed);
        const width = slotCount(map.placement.topology);
        for (let layer = 0; layer < LAYERS; layer++) {
          const slots = chosenSlots(chooser, layer, batch);
          const held = slots.map((slot) =>
            slot < 0 ? slot : map.placement.physicalToLogical[layer * width + slot],
          );
          expect(held).toEqual(slots.map((_, o) => selection(batch, layer, o)));
        }
      }),
      { seed: 1, numRuns: runs(80) },
    );
  });

  it("chooses the same from the same seed", () => {
    fc.assert(
      fc.property(dispatchCase, ({ map, batch, seed }) => {
        const [one, other] = [replicaChooser(policy, map, seed), replicaChooser(policy, map, seed)];
        for (let layer = 0; layer < LAYERS; layer++) {
          expect(chosenSlots(one, layer, batch)).toEqual(chosenSlots(other, layer, batch));
        }
      }),
      { seed: 2, numRuns: runs(25) },
    );
  });
});

describe("even", () => {
  /** How far a slot is ahead of its share of its expert's selections, and behind it, at most. */
  function furthest(map: ReplicaMap, batches: readonly TokenBatch[]): { ahead: number; behind: number } {
    const chooser = replicaChooser("even", map, 0);
    const width = slotCount(map.placement.topology);
    const got = new Float64Array(LAYERS * width);
    const asked = new Float64Array(LAYERS * map.placement.experts);
    const most = { ahead: 0, behind: 0 };
    for (const batch of batches) {
      for (let layer = 0; layer < LAYERS; layer++) {
        for (const [o, slot] of chosenSlots(chooser, layer, batch).entries()) {
          if (slot < 0) continue;
          got[layer * width + slot]++;
          asked[layer * map.placement.experts + selection(batch, layer, o)]++;
        }
        for (let slot = 0; slot < width; slot++) {
          const i = layer * width + slot;
          const expert = map.placement.physicalToLogical[i];
          const part = asked[layer * map.placement.experts + expert] * map.shares.values[i];
          most.ahead = Math.max(most.ahead, got[i] - part);
          most.behind = Math.max(most.behind, part - got[i]);
        }
      }
    }
    return most;
  }

  it("keeps every slot within a selection or two of its share over many batches", () => {
    fc.assert(
      fc.property(dispatchCase, ({ map, batch }) => {
        const { ahead, behind } = furthest(
          map,
          Array.from({ length: 20 }, () => batch),
        );
        expect(ahead).toBeLessThan(1);
        expect(behind).toBeLessThan(2);
      }),
      { seed: 4, numRuns: runs(40) },
    );
  });

  it("keeps both replicas of an expert that has two within one selection of their shares", () => {
    const topology = { nodes: 2, gpusPerNode: 1, slotsPerGpu: 4 };
    for (let seed = 0; seed < 20; seed++) {
      const rng = new Rng(seed);
      const physicalToLogical = Int32Array.from({ length: LAYERS * 8 }, (_, i) => i % 4);
      const placement = { layers: LAYERS, experts: 4, topology, physicalToLogical };
      const replicas = indexReplicas(placement);
      const values = new Float64Array(LAYERS * 8);
      for (let i = 0; i < values.length; i++) values[i] = i % 8 < 4 ? rng.uniform() : 1 - values[i - 4];
      const map = { placement, replicas, shares: { values, prices: new Float64Array(LAYERS * 2) } };
      const shape = { tokens: 31, topk: 3, missing: 0.1 };
      const batches = Array.from({ length: 30 }, () => randomBatch(rng, 4, topology, shape));
      const { ahead, behind } = furthest(map, batches);
      expect(Math.max(ahead, behind)).toBeLessThan(1);
    }
  });
});

describe("priced", () => {
  it("needs no more node hops than random choice where there are replicas", () => {
    const topology = { nodes: 4, gpusPerNode: 2, slotsPerGpu: 5 };
    for (let seed = 0; seed < 20; seed++) {
      const rng = new Rng(seed);
      const map = replicaMap(rng, 32, topology, true);
      const batch = randomBatch(rng, 32, topology, { tokens: 400, topk: 4, missing: 0 });
      const counter = new TallyCounter(topology);
      const nodeHops = (policy: "priced" | "random") => {
        const chooser = replicaChooser(policy, map, seed);
        let sum = 0;
        for (let layer = 0; layer < LAYERS; layer++) {
          sum += counter.count(batch, chosenSlots(chooser, layer, batch)).nodeHops;
        }
        return sum;
      };
      expect(nodeHops("priced")).toBeLessThan(nodeHops("random"));
    }
  });

  function priced(
    topology: Topology,
    physicalToLogical: Int32Array,
    batch: Pick<TokenBatch, "sources" | "experts">,
  ) {
    const experts = Math.max(...physicalToLogical) + 1;
    const placement = { layers: 1, experts, topology, physicalToLogical };
    const replicas = indexReplicas(placement);
    const map = { placement, replicas, shares: evenShares(placement, replicas) };
    const tokens = batch.sources.length;
    const rows = Int32Array.from(batch.sources, (_, token) => token);
    return chosenSlots(replicaChooser("priced", map, 0), 0, {
      ...batch,
      tokens,
      rows,
      rowStride: 1,
      topk: 1,
    });
  }

  it("goes to the token's own GPU, else to its node, for nothing", () => {
    const batch = { sources: Int32Array.of(3, 2, 1, 0), experts: new Int16Array(4) };
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
    expect([...priced(topology, Int32Array.of(0, 0, 0, 0), batch)]).toEqual([3, 2, 1, 0]);
    expect([...priced(topology, Int32Array.of(1, 0, 0, 1), batch)]).toEqual([2, 2, 1, 1]);
  });

  it("levels the load where the hops are the same", () => {
    const topology = { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 };
    // All tokens are on the third GPU. Only the first holds expert 1; expert 0 is on the first and the second.
    const sources = new Int32Array(200).fill(2);
    const experts = Int16Array.from({ length: 200 }, (_, token) => token % 2);
    const slots = priced(topology, Int32Array.of(0, 1, 0, 2, 3, 4), { sources, experts });
    const { gpuLoad } = new TallyCounter(topology).count(
      { tokens: 200, sources, rows: new Int32Array(200), experts, rowStride: 1, topk: 1 },
      slots,
    );
    expect(Math.max(...gpuLoad)).toBeLessThan(110);
  });
});
