import { describe, expect, it } from "vitest";
import { alignNodes } from "../../src/core/batching/align-nodes.ts";
import { requestKinds } from "../../src/core/batching/request-kinds.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { indexReplicas, type Placement, placementFault } from "../../src/model/placement.ts";
import { slotCount } from "../../src/model/topology.ts";

const [LAYERS, EXPERTS, NODES] = [10, 24, 4];
const TOPOLOGY = { nodes: NODES, gpusPerNode: 2, slotsPerGpu: 4 };
const WEIGHTS = [0.25, 0.25, 0.25, 0.25];
const SLOTS_PER_NODE = TOPOLOGY.gpusPerNode * TOPOLOGY.slotsPerGpu;

/** Every kind's experts on a node of their own, but in each layer on another one; a quarter of the slots copies. */
function scattered(rng: Rng): { readonly placement: Placement; readonly predictions: Float64Array[] } {
  const physicalToLogical = new Int32Array(LAYERS * slotCount(TOPOLOGY));
  const perKind = EXPERTS / NODES;
  for (let layer = 0; layer < LAYERS; layer++) {
    const kinds = [0, 1, 2, 3].map((kind) => ({ kind, key: rng.uniform() })).sort((a, b) => a.key - b.key);
    for (const [node, { kind }] of kinds.entries()) {
      for (let i = 0; i < SLOTS_PER_NODE; i++) {
        const expert = i < perKind ? kind * perKind + i : rng.below(EXPERTS);
        physicalToLogical[layer * slotCount(TOPOLOGY) + node * SLOTS_PER_NODE + i] = expert;
      }
    }
  }
  const predictions = WEIGHTS.map((_, kind) =>
    Float64Array.from({ length: LAYERS * EXPERTS }, (__, i) =>
      Math.floor((i % EXPERTS) / perKind) === kind ? 0.5 : 0.05,
    ),
  );
  return {
    placement: { layers: LAYERS, experts: EXPERTS, topology: TOPOLOGY, physicalToLogical },
    predictions,
  };
}

/** Node hops per token of kinds whose requests all start on the node that is best for them. */
function fewestHops(placement: Placement, predictions: readonly Float64Array[]): number {
  const replicas = indexReplicas(placement);
  const { nodeHops } = requestKinds(
    { placement, replicas, shares: evenShares(placement, replicas) },
    predictions,
  );
  const best = predictions.map((_, kind) => Math.min(...nodeHops.subarray(kind * NODES, (kind + 1) * NODES)));
  return best.reduce((sum, hops, kind) => sum + WEIGHTS[kind] * hops, 0);
}

describe("aligned nodes", () => {
  it("hold a kind's experts under the same name in every layer where that is possible", () => {
    const { placement, predictions } = scattered(new Rng(1));
    const aligned = alignNodes(placement, predictions, WEIGHTS);
    const replicas = indexReplicas(aligned);
    for (let kind = 0; kind < NODES; kind++) {
      // The first copy of a kind's first expert may be a stray one; the node that holds all six is its own.
      const homes = Array.from({ length: LAYERS }, (_, layer) => {
        const held = new Int32Array(NODES);
        for (let e = kind * 6; e < kind * 6 + 6; e++) {
          const row = layer * EXPERTS + e;
          const slots = replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1]);
          for (const node of new Set(slots.map((slot) => Math.floor(slot / SLOTS_PER_NODE)))) held[node]++;
        }
        return held.indexOf(6);
      });
      expect(new Set(homes).size).toBe(1);
    }
    expect(fewestHops(aligned, predictions)).toBeLessThan(0.75 * fewestHops(placement, predictions));
  });

  it("are the same nodes: each layer's sets of slots only change names", () => {
    const { placement, predictions } = scattered(new Rng(2));
    const aligned = alignNodes(placement, predictions, WEIGHTS);
    expect(placementFault(aligned)).toBeNull();
    const nodesOf = ({ physicalToLogical }: Placement, layer: number) =>
      Array.from({ length: NODES }, (_, node) => {
        const from = layer * slotCount(TOPOLOGY) + node * SLOTS_PER_NODE;
        return Array.from({ length: SLOTS_PER_NODE }, (__, i) => physicalToLogical[from + i]).join(" ");
      }).sort();
    for (let layer = 0; layer < LAYERS; layer++) {
      expect(nodesOf(aligned, layer)).toEqual(nodesOf(placement, layer));
    }
  });

  it("stay as they are on one node", () => {
    const { placement, predictions } = scattered(new Rng(3));
    const single = { ...placement, topology: { ...TOPOLOGY, nodes: 1, gpusPerNode: 8 } };
    expect(alignNodes(single, predictions, WEIGHTS)).toEqual(single);
  });
});
