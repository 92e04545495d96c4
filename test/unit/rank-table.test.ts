import { describe, expect, it } from "vitest";
import { rankTable } from "../../src/core/tables/rank-table.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { leastValue } from "../least-value.ts";
import { LAYERS, replicaMap } from "../random-dispatch.ts";

/** Of a node hop, as for the priced policy. */
const RANK_HOP = 0.25;

/** An expert of a layer with the replicas it has there. */
interface Replicated {
  readonly expert: number;
  readonly slots: readonly number[];
}

class Layer {
  readonly map: ReplicaMap;
  readonly layer: number;
  readonly ranks: readonly number[];
  readonly experts: readonly Replicated[];

  constructor(map: ReplicaMap, layer: number) {
    const { placement, replicas } = map;
    this.map = map;
    this.layer = layer;
    this.ranks = Array.from({ length: gpuCount(placement.topology) }, (_, rank) => rank);
    this.experts = Array.from({ length: placement.experts }, (_, expert) => {
      const row = layer * placement.experts + expert;
      return {
        expert,
        slots: [...replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1])],
      };
    });
  }

  /** Ranks that the slot's share comes to. */
  quota(slot: number): number {
    const { placement, shares } = this.map;
    return this.ranks.length * shares.values[this.layer * slotCount(placement.topology) + slot];
  }

  hops(rank: number, slot: number): number {
    const { topology } = this.map.placement;
    const gpu = gpuOfSlot(topology, slot);
    if (gpu === rank) return 0;
    return nodeOfGpu(topology, gpu) === nodeOfGpu(topology, rank) ? RANK_HOP : 1 + RANK_HOP;
  }

  /** The most ranks a GPU serves beyond its quota, the hops, and the ranks of each slot, by our table. */
  byTable(table: Int32Array) {
    const { layers, experts, topology } = this.map.placement;
    const excess = new Float64Array(this.ranks.length);
    const counts = new Int32Array(slotCount(topology));
    let hops = 0;
    for (const { expert, slots } of this.experts) {
      for (const slot of slots) excess[gpuOfSlot(topology, slot)] -= this.quota(slot);
      for (const rank of this.ranks) {
        const slot = table[(rank * layers + this.layer) * experts + expert];
        counts[slot]++;
        excess[gpuOfSlot(topology, slot)]++;
        hops += this.hops(rank, slot);
      }
    }
    return { excess: Math.max(...excess), hops, counts };
  }

  /**
   * What no table can do better: the least excess, or the fewest hops within `most` of it, over all whole numbers of
   * ranks between `fewest` and `largest` at each slot.
   */
  best(
    aim: "excess" | "hops",
    most: number,
    fewest: (slot: number) => number,
    largest: (slot: number) => number,
  ): number {
    const { topology } = this.map.placement;
    const rows: string[] = [];
    const bounds: string[] = [];
    const ranksAt: string[] = [];
    const hops: string[] = ["0 T"];
    const onGpu: string[][] = this.ranks.map(() => []);
    const quota = new Float64Array(this.ranks.length);
    for (const { expert, slots } of this.experts) {
      const seat = (rank: number, slot: number) => `x${expert}_${rank}_${slot}`;
      for (const slot of slots) {
        onGpu[gpuOfSlot(topology, slot)].push(`n${slot}`);
        quota[gpuOfSlot(topology, slot)] += this.quota(slot);
        rows.push(`${this.ranks.map((rank) => seat(rank, slot)).join(" + ")} - n${slot} = 0`);
        bounds.push(`${fewest(slot)} <= n${slot} <= ${largest(slot)}`);
        ranksAt.push(`n${slot}`);
      }
      for (const rank of this.ranks) {
        rows.push(`${slots.map((slot) => seat(rank, slot)).join(" + ")} = 1`);
        for (const slot of slots) {
          hops.push(`${this.hops(rank, slot)} ${seat(rank, slot)}`);
        }
      }
    }
    for (const [gpu, slots] of onGpu.entries()) {
      if (slots.length > 0) rows.push(`${slots.join(" + ")} - T <= ${quota[gpu]}`);
    }
    bounds.push(`T <= ${most + 1e-6}`);
    // Once the ranks at every slot are whole numbers, seating the ranks is a transport problem: its vertices are whole.
    return leastValue(
      `Minimize\n${aim === "excess" ? "T" : hops.join(" + ")}\nSubject To\n${rows.join("\n")}\n` +
        `Bounds\n${bounds.join("\n")}\nGeneral\n${ranksAt.join(" ")}\nEnd`,
    );
  }
}

function smallLayers(seeds: number): { readonly layer: Layer; readonly table: Int32Array }[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const rng = new Rng(seed);
    const topology = {
      nodes: 1 + rng.below(3),
      gpusPerNode: 1 + rng.below(3),
      slotsPerGpu: 2 + rng.below(3),
    };
    const experts = Math.max(1, Math.floor(slotCount(topology) * (0.3 + 0.5 * rng.uniform())));
    const map = replicaMap(rng, experts, topology, rng.below(2) === 0);
    const { slots: table } = rankTable(map);
    return Array.from({ length: LAYERS }, (__, layer) => ({ layer: new Layer(map, layer), table }));
  }).flat();
}

describe("a rank table against HiGHS", () => {
  it("makes the fewest hops that its numbers of ranks allow", () => {
    for (const { layer, table } of smallLayers(15)) {
      const { hops, counts } = layer.byTable(table);
      const ranksAt = (slot: number) => counts[slot];
      expect(hops).toBeCloseTo(layer.best("hops", 100, ranksAt, ranksAt), 6);
    }
  });

  it("nearly always loads no GPU beyond its part more than it must, then makes next to the fewest hops", () => {
    const cases = smallLayers(15).map(({ layer, table }) => {
      const down = (slot: number) => Math.floor(layer.quota(slot) + 1e-9);
      const up = (slot: number) => Math.ceil(layer.quota(slot) - 1e-9);
      const ours = layer.byTable(table);
      const excess = layer.best("excess", 100, down, up);
      return { ours, excess, hops: layer.best("hops", excess, down, up) };
    });
    const beyond = cases.map(({ ours, excess }) => ours.excess - excess);
    expect(Math.min(...beyond)).toBeGreaterThan(-1e-6);
    expect(Math.max(...beyond)).toBeLessThan(0.5);
    expect(beyond.filter((ranks) => ranks > 1e-6).length / cases.length).toBeLessThan(0.1);
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const fewest = sum(cases.map(({ hops }) => hops));
    expect(sum(cases.map(({ ours }) => ours.hops)) / fewest).toBeLessThan(1.01);
  });
});

describe("a rank table", () => {
  /** Two nodes of two GPUs; expert 0 on GPUs 0 and 2, expert 1 on GPUs 1 and 3. */
  const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
  const placement = { layers: 1, experts: 2, topology, physicalToLogical: Int32Array.of(0, 1, 0, 1) };
  const replicas = indexReplicas(placement);
  const tableFor = (shares: readonly number[], tokens?: readonly number[]) => {
    const map = {
      placement,
      replicas,
      shares: { values: Float64Array.from(shares), prices: new Float64Array(4) },
    };
    return [...rankTable(map, tokens === undefined ? undefined : Float64Array.from(tokens)).slots];
  };

  it("stays in the node where the shares let it", () => {
    expect(tableFor([0.5, 0.5, 0.5, 0.5])).toEqual([0, 1, 0, 1, 2, 3, 2, 3]);
  });

  it("leaves the node for the shares' sake, the GPU's own rank last", () => {
    expect(tableFor([0.25, 1, 0.75, 0])).toEqual([0, 1, 2, 1, 2, 1, 2, 1]);
  });

  it("splits unequal ranks by their tokens; one that sends none takes the nearest replica", () => {
    // Rank 0 sends half of expert 0's tokens, ranks 1 to 3 the rest; rank 3 sends none of expert 1's.
    const tokens = [9, 1, 3, 1, 3, 1, 3, 0];
    expect(tableFor([0.5, 1, 0.5, 0], tokens)).toEqual([0, 1, 2, 1, 2, 1, 2, 3]);
  });

  it("seats the rank of a GPU out of service at the nearest replica, and counts it nowhere", () => {
    const holed = { ...placement, experts: 1, physicalToLogical: Int32Array.of(0, -1, 0, 0) };
    const index = indexReplicas(holed);
    const { slots } = rankTable({ placement: holed, replicas: index, shares: evenShares(holed, index) });
    expect([...slots]).toEqual([0, 0, 2, 3]);
  });
});
