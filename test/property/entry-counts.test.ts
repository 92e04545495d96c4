import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { entryCounts, sameEntryCounts } from "../../src/core/tables/entry-counts.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { Placement } from "../../src/model/placement.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { mapCase } from "../map-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 23, numRuns: runs(40) };

const tableCase = fc.record({ of: mapCase, entries: fc.integer({ min: 1, max: 70 }) });

/** Throws unless every expert has as many entries as it should, and other slots none. */
function expectWhole(counts: Uint16Array, tables: number, { placement }: ReplicaMap, entries: number): void {
  const { layers, experts, topology, physicalToLogical } = placement;
  const width = slotCount(topology);
  expect(counts).toHaveLength(tables * layers * width);
  const sums = new Float64Array(tables * layers * experts);
  for (const [i, count] of counts.entries()) {
    const expert = physicalToLogical[i % (layers * width)];
    if (expert >= 0) sums[Math.floor(i / width) * experts + expert] += count;
    else if (count !== 0) throw new Error(`empty slot ${i} is listed`);
  }
  for (const sum of sums) if (sum !== entries) throw new Error(`an expert has ${sum} of ${entries} entries`);
}

/** `[layers][slots]`: tokens of each slot, when every rank sends these of each expert. */
function tokensPerSlot(
  counts: Uint16Array,
  { placement }: ReplicaMap,
  entries: number,
  sent: Sent,
): Float64Array {
  const { layers, topology, physicalToLogical } = placement;
  const size = layers * slotCount(topology);
  const got = new Float64Array(size);
  for (const [i, count] of counts.entries()) {
    const slot = i % size;
    const rank = Math.floor(i / size);
    if (count > 0)
      got[slot] +=
        (count / entries) * sent(rank, Math.floor(slot / slotCount(topology)), physicalToLogical[slot]);
  }
  return got;
}

type Sent = (rank: number, layer: number, expert: number) => number;

/** Node hops and rank hops, where every rank in service sends one token to each expert. */
function hops(counts: ArrayLike<number>, { layers, topology }: Placement, inService: readonly number[]) {
  const size = layers * slotCount(topology);
  let nodeHops = 0;
  let rankHops = 0;
  for (const rank of inService) {
    for (let i = 0; i < size; i++) {
      const gpu = gpuOfSlot(topology, i % slotCount(topology));
      if (gpu !== rank) rankHops += counts[rank * size + i];
      if (nodeOfGpu(topology, gpu) !== nodeOfGpu(topology, rank)) nodeHops += counts[rank * size + i];
    }
  }
  return { nodeHops, rankHops };
}

function randomTokens({ placement }: ReplicaMap, seed: number): Float64Array {
  const rng = new Rng(seed);
  const { layers, experts, topology } = placement;
  return Float64Array.from({ length: gpuCount(topology) * layers * experts }, () =>
    rng.below(3) === 0 ? 0 : Math.exp(2 * rng.normal()),
  );
}

describe("the entries of every rank's table", () => {
  it("are as many for every expert, whatever the ranks send", () => {
    fc.assert(
      fc.property(tableCase, ({ of: { map, seed }, entries }) => {
        const ranks = gpuCount(map.placement.topology);
        expectWhole(entryCounts(map, entries), ranks, map, entries);
        expectWhole(entryCounts(map, entries, { ranks: randomTokens(map, seed) }), ranks, map, entries);
        expectWhole(sameEntryCounts(map, entries), 1, map, entries);
      }),
      PARAMETERS,
    );
  });

  it("give every slot its share of equal ranks' entries, rounded up or down", () => {
    fc.assert(
      fc.property(tableCase, ({ of: { map, inService }, entries }) => {
        const serving = new Set(inService);
        const sent = (rank: number) => (serving.has(rank) ? entries : 0);
        const together = tokensPerSlot(entryCounts(map, entries), map, entries, sent);
        const alike = sameEntryCounts(map, entries);
        for (const [at, share] of map.shares.values.entries()) {
          const offRanks = Math.abs(together[at] - entries * inService.length * share);
          const offAlike = Math.abs(alike[at] - entries * share);
          if (!(offRanks < 1 && offAlike < 1))
            throw new Error(`slot ${at} is off by ${offRanks}, ${offAlike}`);
        }
      }),
      PARAMETERS,
    );
  });

  it("keep a slot's tokens within one and a half entries, of the rank that sends most, of its share", () => {
    fc.assert(
      fc.property(tableCase, ({ of: { map, seed }, entries }) => {
        const { layers, experts, topology, physicalToLogical } = map.placement;
        const tokens = randomTokens(map, seed);
        const sent: Sent = (rank, layer, expert) => tokens[(rank * layers + layer) * experts + expert];
        const got = tokensPerSlot(entryCounts(map, entries, { ranks: tokens }), map, entries, sent);
        for (const [at, share] of map.shares.values.entries()) {
          const layer = Math.floor(at / slotCount(topology));
          if (physicalToLogical[at] < 0) continue;
          const ofRanks = Array.from({ length: gpuCount(topology) }, (_, rank) =>
            sent(rank, layer, physicalToLogical[at]),
          );
          const all = ofRanks.reduce((sum, n) => sum + n, 0);
          expect(Math.abs(got[at] - share * all)).toBeLessThanOrEqual(
            (1.5 * Math.max(...ofRanks)) / entries + 1e-9,
          );
        }
      }),
      PARAMETERS,
    );
  });

  it("make no more hops than entries that list every slot as often for all ranks", () => {
    fc.assert(
      fc.property(tableCase, ({ of: { map, inService }, entries }) => {
        const counts = entryCounts(map, entries);
        const { layers, topology } = map.placement;
        const size = layers * slotCount(topology);
        const blind = new Float64Array(counts.length);
        for (const rank of inService) {
          for (let i = 0; i < size; i++) {
            for (const to of inService) blind[to * size + i] += counts[rank * size + i] / inService.length;
          }
        }
        const ours = hops(counts, map.placement, inService);
        const theirs = hops(blind, map.placement, inService);
        expect(ours.nodeHops).toBeLessThanOrEqual(theirs.nodeHops + 1e-6);
        expect(ours.rankHops).toBeLessThanOrEqual(theirs.rankHops + 1e-6);
      }),
      PARAMETERS,
    );
  });
});
