import { gpusInService } from "../../model/placement.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";

/**
 * What a request's tokens are expected to add to their layers' maxima from each node, by the snapshot's prices: the
 * time that every rank of the pool waits for them. From a source, an expert with copies on its node is served by those,
 * in proportion to their shares; every other expert by all its copies, as the shares have it.
 */
export class ExpectedPrices {
  readonly #map: ReplicaMap;
  readonly #inService: number;

  constructor(map: ReplicaMap) {
    this.#map = map;
    this.#inService = gpusInService(map.placement).length;
  }

  /**
   * @param prediction   `[layers][experts]`: expected selections per token (ExpertSketch.predict)
   * @param marginalLoad `[nodes]`, written: mean over layers; 1 = what a token adds in a perfectly level pool
   */
  from(prediction: Float64Array, marginalLoad: Float64Array): void {
    const { placement, replicas, shares } = this.#map;
    const { layers, experts, topology } = placement;
    const { gpusPerNode, slotsPerGpu } = topology;
    const { offsets, slots } = replicas;
    const gpus = marginalLoad.length * gpusPerNode;
    const { values, prices } = shares;
    marginalLoad.fill(0);
    let everywhere = 0;
    for (let layer = 0; layer < layers; layer++) {
      const firstSlot = layer * gpus * slotsPerGpu;
      const firstPrice = layer * gpus;
      const selections = sum(prediction, layer * experts, (layer + 1) * experts);
      const scale = this.#inService / (selections * layers);
      for (let expert = layer * experts; expert < (layer + 1) * experts; expert++) {
        const expected = prediction[expert] * scale;
        const to = offsets[expert + 1];
        let price = 0;
        for (let i = offsets[expert]; i < to; i++) {
          price += values[firstSlot + slots[i]] * prices[firstPrice + Math.floor(slots[i] / slotsPerGpu)];
        }
        everywhere += expected * price;
        // One that only one slot serves costs the same from everywhere.
        if (to - offsets[expert] === 1 && values[firstSlot + slots[to - 1]] === 1) continue;
        // An expert's slots ascend, and with them its nodes.
        for (let i = offsets[expert]; i < to; ) {
          const node = Math.floor(slots[i] / (slotsPerGpu * gpusPerNode));
          const nodeEnd = (node + 1) * slotsPerGpu * gpusPerNode;
          const first = i;
          let shared = 0;
          let paid = 0;
          let plain = 0;
          for (; i < to && slots[i] < nodeEnd; i++) {
            const own = prices[firstPrice + Math.floor(slots[i] / slotsPerGpu)];
            shared += values[firstSlot + slots[i]];
            paid += values[firstSlot + slots[i]] * own;
            plain += own;
          }
          const here = shared > 0 ? paid / shared : plain / (i - first);
          marginalLoad[node] += expected * (here - price);
        }
      }
    }
    for (let node = 0; node < marginalLoad.length; node++) marginalLoad[node] += everywhere;
  }
}

function sum(values: Float64Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i];
  return total;
}
