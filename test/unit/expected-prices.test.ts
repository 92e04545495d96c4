import { describe, expect, it } from "vitest";
import { ExpectedPrices } from "../../src/core/batching/expected-prices.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { randomPlacement } from "../random-placement.ts";

interface ByHand {
  readonly experts: number;
  readonly holds: readonly number[];
  readonly shares: readonly number[];
  readonly prices: readonly number[];
}

/** One layer on two nodes of two GPUs with a slot each. */
function mapOf({ experts, holds, shares, prices }: ByHand): ReplicaMap {
  const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 1 };
  const placement = { layers: 1, experts, topology, physicalToLogical: Int32Array.from(holds) };
  return { placement, replicas: indexReplicas(placement), shares: { values: shares, prices } };
}

function marginalLoad(map: ReplicaMap, prediction: readonly number[] | Float64Array): number[] {
  const out = new Float64Array(map.placement.topology.nodes);
  new ExpectedPrices(map).from(Float64Array.from(prediction), out);
  return [...out];
}

describe("the marginal load of a request", () => {
  it("is 1 from everywhere in a level pool", () => {
    const level = { holds: [0, 1, 0, 2], shares: [0.5, 1, 0.5, 1], prices: [0.25, 0.25, 0.25, 0.25] };
    for (const load of marginalLoad(mapOf({ experts: 3, ...level }), [1, 0.7, 0.3]))
      expect(load).toBeCloseTo(1, 12);
  });

  it("is what the bottleneck costs those who need it, and nothing for the others", () => {
    const bottleneck = { experts: 4, holds: [0, 1, 2, 3], shares: [1, 1, 1, 1], prices: [0, 0, 1, 0] };
    expect(marginalLoad(mapOf(bottleneck), [1, 1, 0, 0])).toEqual([0, 0]);
    // One selection in two goes to the one GPU of four that counts.
    expect(marginalLoad(mapOf(bottleneck), [0.5, 0, 1, 0.5])).toEqual([2, 2]);
  });

  it("goes by the copies on the source's node where there are some, else by shares", () => {
    // Expert 0 on GPUs 0 and 2; expert 1 on GPU 1; expert 2 on GPU 3.
    const map = mapOf({
      experts: 3,
      holds: [0, 1, 0, 2],
      shares: [0.25, 1, 0.75, 1],
      prices: [0.6, 0, 0.2, 0.2],
    });
    const [fromFirst, fromSecond] = marginalLoad(map, [1, 0, 0]);
    expect(fromFirst).toBeCloseTo(4 * 0.6, 12);
    expect(fromSecond).toBeCloseTo(4 * 0.2, 12);
    // Two selections: the second from either node by expert 2's only copy.
    expect(marginalLoad(map, [1, 0, 1])[0]).toBeCloseTo((4 * (0.6 + 0.2)) / 2, 12);
  });

  it("takes copies without shares for alike", () => {
    const map = mapOf({ experts: 2, holds: [0, 0, 0, 1], shares: [0, 0, 1, 1], prices: [0.5, 0.1, 0.4, 0] });
    expect(marginalLoad(map, [1, 0])[0]).toBeCloseTo(4 * 0.3, 12);
  });

  it("counts GPUs in service only", () => {
    const map = mapOf({ experts: 2, holds: [0, 1, -1, -1], shares: [1, 1, 0, 0], prices: [0.5, 0.5, 0, 0] });
    expect(marginalLoad(map, [1, 1])).toEqual([1, 1]);
  });

  it("is the sum over selections, one by one", () => {
    const rng = new Rng(5);
    const topology = { nodes: 3, gpusPerNode: 2, slotsPerGpu: 4 };
    const [layers, experts, width, gpus] = [2, 16, slotCount(topology), gpuCount(topology)];
    const placement = randomPlacement(rng, layers, experts, topology);
    const replicas = indexReplicas(placement);
    const random = (count: number) => Float64Array.from({ length: count }, () => rng.uniform());
    const [values, prices, prediction] = [
      random(layers * width),
      random(layers * gpus),
      random(layers * experts),
    ];
    const actual = marginalLoad({ placement, replicas, shares: { values, prices } }, prediction);
    const wanted = Array.from({ length: topology.nodes }, (_, source) => {
      let load = 0;
      for (let layer = 0; layer < layers; layer++) {
        let [paid, selections] = [0, 0];
        for (let expert = 0; expert < experts; expert++) {
          const all = Array.from({ length: width }, (_, slot) => slot).filter(
            (slot) => placement.physicalToLogical[layer * width + slot] === expert,
          );
          const near = all.filter((slot) => nodeOfGpu(topology, gpuOfSlot(topology, slot)) === source);
          const share = (slot: number) => values[layer * width + slot];
          const price = (slot: number) => prices[layer * gpus + gpuOfSlot(topology, slot)];
          const whole = near.length > 0 ? near.reduce((sum, slot) => sum + share(slot), 0) : 1;
          const expected = prediction[layer * experts + expert];
          for (const slot of near.length > 0 ? near : all)
            paid += (expected * share(slot) * price(slot)) / whole;
          selections += expected;
        }
        load += (gpus * paid) / selections / layers;
      }
      return load;
    });
    for (const [node, load] of actual.entries()) expect(load).toBeCloseTo(wanted[node], 10);
  });
});
