import fc from "fast-check";
import { expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import type { TokenBatch } from "../../src/core/dispatch/token-batch.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { type Topology, gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { LAYERS, chosenSlots, dispatchCase } from "../random-dispatch.ts";
import { runs } from "../runs.ts";

it("the tally is what counting token by token gives, batch after batch", () => {
  fc.assert(
    fc.property(dispatchCase, fc.constantFrom(...DISPATCH_POLICIES), ({ map, batch, seed }, policy) => {
      const { topology } = map.placement;
      const chooser = replicaChooser(policy, map, seed);
      const counter = new TallyCounter(topology);
      for (let layer = 0; layer < LAYERS; layer++) {
        const slots = chosenSlots(chooser, layer, batch);
        const { slotLoad, gpuLoad, selectionsFrom, nodeSends, nodeReceives, rankReceives, ...sums } =
          counter.count(batch, slots);
        const naive = naiveTally(topology, batch, slots);
        expect({ ...sums, slotLoad: [...slotLoad], gpuLoad: [...gpuLoad] }).toEqual(naive.load);
        expect([selectionsFrom, nodeSends, nodeReceives, rankReceives].map((counts) => [...counts])).toEqual(
          naive.traffic,
        );
        expect(sums.selections).toBe(slots.filter((slot) => slot >= 0).length);
      }
    }),
    { seed: 3, numRuns: runs(80) },
  );
});

function naiveTally(topology: Topology, batch: TokenBatch, slots: Int32Array) {
  const gpus = gpuCount(topology);
  const zeros = (length: number) => Array.from({ length }, () => 0);
  const load = {
    slotLoad: zeros(slotCount(topology)),
    gpuLoad: zeros(gpus),
    hops: 0,
    nodeHops: 0,
    selections: 0,
  };
  const [selectionsFrom, nodeSends, nodeReceives, rankReceives] = [gpus, gpus, gpus, gpus].map(zeros);
  for (let token = 0; token < batch.tokens; token++) {
    const source = batch.sources[token];
    const home = nodeOfGpu(topology, source);
    const chosen = [...slots.subarray(token * batch.topk, (token + 1) * batch.topk)].filter(
      (slot) => slot >= 0,
    );
    for (const slot of chosen) {
      load.slotLoad[slot]++;
      load.gpuLoad[gpuOfSlot(topology, slot)]++;
    }
    load.selections += chosen.length;
    selectionsFrom[source] += chosen.length;
    const ranks = new Set(chosen.map((slot) => gpuOfSlot(topology, slot)));
    const nodes = new Set([...ranks].map((gpu) => nodeOfGpu(topology, gpu)));
    ranks.delete(source);
    nodes.delete(home);
    load.hops += ranks.size;
    load.nodeHops += nodes.size;
    for (const gpu of ranks) rankReceives[gpu]++;
    nodeSends[source] += nodes.size;
    // A node receives through the GPU at the source's place within its own node.
    for (const node of nodes) nodeReceives[node * topology.gpusPerNode + (source % topology.gpusPerNode)]++;
  }
  return { load, traffic: [selectionsFrom, nodeSends, nodeReceives, rankReceives] };
}
