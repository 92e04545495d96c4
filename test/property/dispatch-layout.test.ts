import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import type { DispatchLayout } from "../../src/core/dispatch/dispatch-layout.ts";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.ts";
import { LayoutBuilder } from "../../src/core/dispatch/layout-builder.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { type Topology, gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { LAYERS, dispatchCase, selection } from "../random-dispatch.ts";
import { runs } from "../runs.ts";

/** Slots as a chooser may have left them, on up to 63 GPUs: the mask takes a word or two. */
const slotsCase = fc
  .record({
    topology: fc.record({
      nodes: fc.integer({ min: 1, max: 7 }),
      gpusPerNode: fc.integer({ min: 1, max: 9 }),
      slotsPerGpu: fc.integer({ min: 1, max: 3 }),
    }),
    batches: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }),
    topk: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
  })
  .map(({ topology, batches, topk, seed }) => {
    const rng = new Rng(seed);
    const any = () => rng.below(slotCount(topology) + 1) - 1;
    return {
      topology,
      topk,
      batches: batches.map((tokens) => Int32Array.from({ length: tokens * topk }, any)),
    };
  });

/** Every selection with where it goes, the slow way. */
function naiveLayout(topology: Topology, topk: number, slots: Int32Array) {
  const sent = [...slots.entries()]
    .filter(([, slot]) => slot >= 0)
    .map(([o, slot]) => {
      const gpu = gpuOfSlot(topology, slot);
      return { token: Math.floor(o / topk), slot, gpu, node: nodeOfGpu(topology, gpu) };
    });
  const distinct = (key: "gpu" | "node", value: number) =>
    new Set(sent.filter((each) => each[key] === value).map(({ token }) => token)).size;
  const upTo = (length: number) => Array.from({ length }, (_, i) => i);
  const [nodes, gpus, width] = [topology.nodes, gpuCount(topology), slotCount(topology)];
  const before = (key: "slot" | "gpu" | "node", end: number) => sent.filter((each) => each[key] < end).length;
  const sorted = sent.toSorted((a, b) => a.slot - b.slot || a.token - b.token);
  return {
    tokens: slots.length / topk,
    selections: sent.length,
    tokensPerRank: upTo(gpus).map((gpu) => distinct("gpu", gpu)),
    tokensPerNode: upTo(nodes).map((node) => distinct("node", node)),
    selectionsPerSlot: upTo(width).map((slot) => sent.filter((each) => each.slot === slot).length),
    tokenInRank: upTo(slots.length / topk).map((token) =>
      upTo(gpus).filter((gpu) => sent.some((each) => each.token === token && each.gpu === gpu)),
    ),
    sends: sorted.map(({ token, slot }) => [token, slot]),
    nodeOffsets: upTo(nodes + 1).map((node) => before("node", node)),
    rankOffsets: upTo(gpus + 1).map((gpu) => before("gpu", gpu)),
    slotOffsets: upTo(width + 1).map((slot) => before("slot", slot)),
  };
}

/** The same of a layout, for comparison. */
function said(layout: DispatchLayout) {
  const { tokens, selections, maskWords, tokenInRank, sendTokens, sendSlots } = layout;
  const ranks = [...layout.tokensPerRank.keys()];
  const inRank = (token: number, gpu: number) =>
    ((tokenInRank[token * maskWords + Math.floor(gpu / 32)] >>> (gpu % 32)) & 1) === 1;
  return {
    tokens,
    selections,
    tokensPerRank: [...layout.tokensPerRank],
    tokensPerNode: [...layout.tokensPerNode],
    selectionsPerSlot: [...layout.selectionsPerSlot],
    tokenInRank: Array.from({ length: tokens }, (_, token) => ranks.filter((gpu) => inRank(token, gpu))),
    sends: Array.from({ length: selections }, (_, i) => [sendTokens[i], sendSlots[i]]),
    nodeOffsets: [...layout.nodeOffsets],
    rankOffsets: [...layout.rankOffsets],
    slotOffsets: [...layout.slotOffsets],
  };
}

describe("the layout", () => {
  it("is what sorting and counting selection by selection gives, batch after batch", () => {
    fc.assert(
      fc.property(slotsCase, ({ topology, topk, batches }) => {
        const builder = new LayoutBuilder(topology);
        for (const slots of batches) {
          expect(said(builder.build(slots.length / topk, topk, slots))).toEqual(
            naiveLayout(topology, topk, slots),
          );
        }
      }),
      { seed: 1, numRuns: runs(80) },
    );
  });

  it("counts a slot that a token selects twice as two selections and one token, and sends it twice", () => {
    const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 2 };
    // Slots 6 and 7 are on GPU 3; the second token selects nothing.
    const layout = new LayoutBuilder(topology).build(3, 3, Int32Array.of(6, 6, 7, -1, -1, -1, 0, 6, -1));
    expect(said(layout)).toMatchObject({
      selections: 5,
      tokensPerRank: [1, 0, 0, 2],
      tokensPerNode: [1, 2],
      selectionsPerSlot: [1, 0, 0, 0, 0, 0, 3, 1],
      tokenInRank: [[3], [], [0, 3]],
      sends: [
        [2, 0],
        [0, 6],
        [0, 6],
        [2, 6],
        [0, 7],
      ],
    });
  });

  it("sets no bit behind the last rank", () => {
    const topology = { nodes: 3, gpusPerNode: 11, slotsPerGpu: 1 };
    const layout = new LayoutBuilder(topology).build(
      1,
      33,
      Int32Array.from({ length: 33 }, (_, i) => i),
    );
    expect([...layout.tokenInRank]).toEqual([-1, 1]);
  });
});

describe.each(DISPATCH_POLICIES)("%s", (policy) => {
  it("lists every selection once, on a slot of its expert, and agrees with the tally", () => {
    fc.assert(
      fc.property(dispatchCase, ({ map, batch, seed }) => {
        const { placement } = map;
        const width = slotCount(placement.topology);
        const dispatcher = new Dispatcher(placement, replicaChooser(policy, map, seed));
        for (let layer = 0; layer < LAYERS; layer++) {
          dispatcher.choose(layer, layer * batch.topk, batch);
          const layout = dispatcher.layout();
          const { sends, tokensPerRank, tokensPerNode, selectionsPerSlot, tokenInRank } = said(layout);
          const held = sends.map(([token, slot]) => [
            token,
            placement.physicalToLogical[layer * width + slot],
          ]);
          const asked = Array.from({ length: batch.tokens * batch.topk }, (_, o) => [
            Math.floor(o / batch.topk),
            selection(batch, layer, o),
          ]).filter(([, expert]) => expert >= 0);
          expect(ordered(held)).toEqual(ordered(asked));

          const tally = dispatcher.tally();
          const own = tokenInRank.filter((ranks, token) => ranks.includes(batch.sources[token]));
          const home = tokenInRank.filter((ranks, token) =>
            ranks.some((gpu) => sameNode(placement.topology, gpu, batch.sources[token])),
          );
          expect([...tally.slotLoad]).toEqual(selectionsPerSlot);
          expect(tally.selections).toBe(layout.selections);
          expect(tally.hops).toBe(sum(tokensPerRank) - own.length);
          expect(tally.nodeHops).toBe(sum(tokensPerNode) - home.length);
        }
      }),
      { seed: 2, numRuns: runs(40) },
    );
  });
});

function ordered(pairs: readonly number[][]): number[][] {
  return pairs.toSorted(([a, b], [c, d]) => a - c || b - d);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function sameNode(topology: Topology, one: number, other: number): boolean {
  return nodeOfGpu(topology, one) === nodeOfGpu(topology, other);
}
