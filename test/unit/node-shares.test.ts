import { describe, expect, it } from "vitest";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { Rng } from "../../src/lib/rng.ts";
import { NodeShares } from "../../src/routing/locality/node-shares.ts";

const [LAYERS, EXPERTS, TOPK, TOKENS] = [3, 12, 3, 40];

function routing(rng: Rng, layers: number) {
  const ids: number[] = [];
  for (let row = 0; row < TOKENS * layers; row++) {
    const chosen = new Set<number>();
    while (chosen.size < TOPK) chosen.add(rng.below(EXPERTS));
    ids.push(...chosen);
  }
  return { tokens: TOKENS, layers, topk: TOPK, experts: Int16Array.from(ids) };
}

describe("node hops by the shares", () => {
  it("are those that a dispatcher counts from every GPU, where each expert is once", () => {
    const rng = new Rng(1);
    const topology = { nodes: 3, gpusPerNode: 2, slotsPerGpu: 2 };
    const expertOf = Int32Array.from({ length: LAYERS * EXPERTS }, (_, i) => (5 * i) % EXPERTS);
    const shares = new Float64Array(LAYERS * EXPERTS).fill(1);
    const placed = { topology, experts: EXPERTS, expertOf, shares };
    const looked = [0, 2];
    const seen = routing(rng, looked.length);
    const counter = new TallyCounter(topology);
    const gpus = 6;
    let hops = 0;
    for (const [at, layer] of looked.entries()) {
      const slotOf = (expert: number) =>
        expertOf.subarray(layer * EXPERTS, (layer + 1) * EXPERTS).indexOf(expert);
      const tokens = TOKENS * gpus;
      const rows = Int32Array.from({ length: tokens }, (_, i) => Math.floor(i / gpus));
      const sources = Int32Array.from({ length: tokens }, (_, i) => i % gpus);
      const ids = Int16Array.from(
        { length: TOKENS * TOPK },
        (_, i) => seen.experts[(Math.floor(i / TOPK) * looked.length + at) * TOPK + (i % TOPK)],
      );
      const slots = Int32Array.from({ length: tokens * TOPK }, (_, i) =>
        slotOf(ids[rows[Math.floor(i / TOPK)] * TOPK + (i % TOPK)]),
      );
      const batch = { tokens, sources, rows, experts: ids, rowStride: TOPK, topk: TOPK };
      hops += counter.count(batch, slots).nodeHops / tokens / looked.length;
    }
    expect(hops).toBeGreaterThan(1);
    expect(new NodeShares(placed, looked).hopsOf(seen)).toBeCloseTo(hops, 10);
  });

  it("go by the parts of replicas, and leave out what is missing", () => {
    const topology = { nodes: 2, gpusPerNode: 1, slotsPerGpu: 2 };
    // Expert 0 is on both nodes, 1 on the second alone, and 2 nowhere.
    const expertOf = [0, -1, 0, 1];
    const shares = [0.25, 0, 0.75, 1];
    const own = new NodeShares({ topology, experts: 3, expertOf, shares }, [0]);
    const of = (...ids: number[]) =>
      own.hopsOf({ tokens: 1, layers: 1, topk: ids.length, experts: Int16Array.from(ids) });
    expect(of(0)).toBeCloseTo(0.5 * (0.25 + 0.75), 10);
    expect(of(0, 1)).toBeCloseTo(0.5 * (0.25 + 1), 10);
    expect(of(2, -1)).toBe(0);
    const one = {
      topology: { nodes: 1, gpusPerNode: 1, slotsPerGpu: 2 },
      experts: 2,
      expertOf: [0, 1],
      shares: [1, 1],
    };
    expect(new NodeShares(one, [0]).hopsOf(routing(new Rng(1), 1))).toBe(0);
  });
});
