import { describe, expect, it } from "vitest";
import { entryCounts, sameEntryCounts } from "../../src/core/tables/entry-counts.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount, type Topology } from "../../src/model/topology.ts";
import { leastValue } from "../least-value.ts";
import { LAYERS, replicaMap } from "../random-dispatch.ts";

function hopsTo(topology: Topology, rank: number, slot: number): number {
  const gpu = gpuOfSlot(topology, slot);
  if (gpu === rank) return 0;
  return nodeOfGpu(topology, gpu) === nodeOfGpu(topology, rank) ? 0.25 : 1.25;
}

/** The hops of an expert's entries, and the fewest of any entries that list its slots as often. */
function expertHops({ placement, replicas }: ReplicaMap, row: number, counts: Uint16Array, entries: number) {
  const { layers, experts, topology } = placement;
  const ranks = gpuCount(topology);
  const slots = [...replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1])];
  const listed = (rank: number, slot: number) =>
    counts[(rank * layers + Math.floor(row / experts)) * slotCount(topology) + slot];
  let ours = 0;
  const costs: string[] = [];
  const rows: string[] = [];
  for (let rank = 0; rank < ranks; rank++) {
    rows.push(`${slots.map((slot) => `x${rank}_${slot}`).join(" + ")} = ${entries}`);
    for (const slot of slots) {
      ours += hopsTo(topology, rank, slot) * listed(rank, slot);
      costs.push(`${hopsTo(topology, rank, slot)} x${rank}_${slot}`);
    }
  }
  for (const slot of slots) {
    const total = Array.from({ length: ranks }, (_, rank) => listed(rank, slot)).reduce((a, b) => a + b);
    rows.push(`${Array.from({ length: ranks }, (_, rank) => `x${rank}_${slot}`).join(" + ")} = ${total}`);
  }
  return { ours, least: leastValue(`Minimize\n${costs.join(" + ")}\nSubject To\n${rows.join("\n")}\nEnd`) };
}

describe("entries against HiGHS", () => {
  it("make the fewest hops of all that list every slot as often", () => {
    for (let seed = 0; seed < 5; seed++) {
      const rng = new Rng(seed);
      const topology = {
        nodes: 1 + rng.below(3),
        gpusPerNode: 1 + rng.below(3),
        slotsPerGpu: 2 + rng.below(2),
      };
      const experts = Math.max(1, Math.floor(slotCount(topology) * 0.4));
      const map = replicaMap(rng, experts, topology, seed % 2 === 0);
      const entries = 1 + rng.below(20);
      const counts = entryCounts(map, entries);
      for (let row = 0; row < LAYERS * experts; row++) {
        const { ours, least } = expertHops(map, row, counts, entries);
        expect(ours).toBeCloseTo(least, 6);
      }
    }
  });
});

describe("entries", () => {
  /** Two nodes of two GPUs; expert 0 on GPUs 0, 1 and 2, expert 1 on GPU 3. */
  const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
  const placement = { layers: 1, experts: 2, topology, physicalToLogical: Int32Array.of(0, 0, 0, 1) };
  const mapOf = (...shares: readonly number[]): ReplicaMap => ({
    placement,
    replicas: indexReplicas(placement),
    shares: { values: Float64Array.from(shares), prices: new Float64Array(4) },
  });
  /** Of expert 0 on slots 0, 1 and 2, for each rank. */
  const ofRanks = (counts: Uint16Array) =>
    [0, 4, 8, 12].map((first) => [...counts.subarray(first, first + 3)]);

  it("are the GPU's own as far as its share goes, then the node's, then those with room, spread evenly", () => {
    // 32 entries: 16 for GPU 0, 4 for GPU 1, 12 for GPU 2. GPU 0 has 8 left over, of which rank 1 needs 4.
    expect(ofRanks(entryCounts(mapOf(0.5, 0.125, 0.375, 1), 8))).toEqual([
      [8, 0, 0],
      [4, 4, 0],
      [0, 0, 8],
      [4, 0, 4],
    ]);
    // 8 for GPU 0 and 24 for GPU 2: ranks 0 and 1 cannot both stay, GPU 2 has 8 left for them.
    expect(ofRanks(entryCounts(mapOf(0.25, 0, 0.75, 1), 8))).toEqual([
      [8, 0, 0],
      [0, 0, 8],
      [0, 0, 8],
      [0, 0, 8],
    ]);
    // 4 for GPU 0, 28 for GPU 1: all but rank 0 need GPU 1's, ranks 2 and 3 alike.
    expect(ofRanks(entryCounts(mapOf(0.125, 0.625, 0.25, 1), 8))).toEqual([
      [4, 4, 0],
      [0, 8, 0],
      [0, 0, 8],
      [0, 8, 0],
    ]);
  });

  it("spread what a node has too little of over its ranks", () => {
    const wide = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 1 };
    const held = {
      layers: 1,
      experts: 1,
      topology: wide,
      physicalToLogical: Int32Array.of(0, -1, -1, -1, 0, -1, -1, -1),
    };
    const shares = { values: Float64Array.of(0.375, 0, 0, 0, 0.625, 0, 0, 0), prices: new Float64Array(8) };
    const senders = Float64Array.of(1, 1, 1, 1, 1, 1, 1, 1);
    const counts = entryCounts({ placement: held, replicas: indexReplicas(held), shares }, 8, {
      ranks: senders,
    });
    // GPU 0 has 24 of 64 entries: its own 8, and of 24 that its node's others need, 16.
    const near = Array.from({ length: 8 }, (_, rank) => counts[rank * 8]);
    expect(near).toEqual([8, 5, 6, 5, 0, 0, 0, 0]);
  });

  it("go by what ranks send; one that sends none takes the nearest", () => {
    // Rank 3 sends half of expert 0's tokens, ranks 1 and 2 the rest.
    const ranks = Float64Array.of(0, 1, 1, 1, 1, 1, 2, 1);
    const counts = entryCounts(mapOf(0.5, 0, 0.5, 1), 8, { ranks });
    expect(ofRanks(counts)).toEqual([
      [8, 0, 0],
      [8, 0, 0],
      [0, 0, 8],
      [4, 0, 4],
    ]);
  });

  it("of a rank out of service are the nearest, and count nowhere", () => {
    const holed = { ...placement, experts: 1, physicalToLogical: Int32Array.of(0, -1, 0, 0) };
    const shares = { values: Float64Array.of(0.5, 0, 0.25, 0.25), prices: new Float64Array(4) };
    const counts = entryCounts({ placement: holed, replicas: indexReplicas(holed), shares }, 4);
    expect([...counts]).toEqual([4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 3, 0, 1, 0, 0, 3]);
  });

  it("are rounded up where GPUs have less to do", () => {
    // Three experts on both GPUs, each 4.5 entries to 3.5; level where the one in demand is rounded against the others.
    const pair = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };
    const held = {
      layers: 1,
      experts: 3,
      topology: pair,
      physicalToLogical: Int32Array.of(0, 1, 2, 0, 1, 2),
    };
    const values = Float64Array.from(held.physicalToLogical, (_, slot) => (slot < 3 ? 0.5625 : 0.4375));
    const map = {
      placement: held,
      replicas: indexReplicas(held),
      shares: { values, prices: new Float64Array(2) },
    };
    for (const load of [
      [8, 4, 4],
      [4, 8, 4],
      [4, 4, 8],
    ]) {
      const tokens = Float64Array.from(load);
      const onFirst = (counts: Uint16Array, entries: number) =>
        load.reduce((sum, n, expert) => sum + (n * counts[expert]) / entries, 0);
      const counts = entryCounts(map, 4, { load: tokens });
      expect(onFirst(sameEntryCounts(map, 8, tokens), 8)).toBe(9);
      expect(onFirst(counts, 8) + onFirst(counts.subarray(6), 8)).toBe(9);
    }
  });

  it("are none for an expert without a replica", () => {
    const without = { ...placement, experts: 3 };
    const map = { ...mapOf(1, 0, 0, 1), placement: without, replicas: indexReplicas(without) };
    for (const counts of [entryCounts(map, 3), sameEntryCounts(map, 3)]) {
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe((counts.length / 4) * 6);
    }
  });
});
