import { gpuCount } from "../../model/topology.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";

/**
 * What a request's tokens are expected to cost from each rank, by the experts it is expected to use.
 *
 * From a source, an expert with a copy on its node is served there, on the source itself where that has one; every
 * other expert is split over its copies by the snapshot's shares. Selections are taken to be independent: a place that
 * serves x selections of a token on average is visited by 1 − e^−x of them. A gate with node-limited routing visits
 * fewer, from every source alike.
 */
export class ExpectedHops {
  readonly #map: ReplicaMap;
  readonly #gpus: number;
  /** `[nodes]`, of one layer: selections per token that the shares give each node. */
  readonly #shared: Float64Array;
  /** `[nodes][nodes]`, of one layer: what they give the second node of experts that the first has copies of. */
  readonly #kept: Float64Array;
  /** `[gpus]`, of one layer: selections of the experts that the GPU has a copy of. */
  readonly #own: Float64Array;

  constructor(map: ReplicaMap) {
    const { topology } = map.placement;
    this.#map = map;
    this.#gpus = gpuCount(topology);
    this.#shared = new Float64Array(topology.nodes);
    this.#kept = new Float64Array(topology.nodes ** 2);
    this.#own = new Float64Array(this.#gpus);
  }

  /**
   * @param prediction `[layers][experts]`: expected selections per token (ExpertSketch.predict)
   * @param nodeHops   `[nodes]`, written: per token and layer from each node
   * @param ownVisits  `[gpus]`, written: per token and layer from each rank, visits to the rank itself: rank hops saved
   */
  from(prediction: Float64Array, nodeHops: Float64Array, ownVisits: Float64Array): void {
    const { layers, experts, topology } = this.#map.placement;
    const { nodes } = topology;
    const shared = this.#shared;
    const kept = this.#kept;
    const own = this.#own;
    nodeHops.fill(0);
    ownVisits.fill(0);
    for (let layer = 0; layer < layers; layer++) {
      this.#serve(layer, prediction.subarray(layer * experts, (layer + 1) * experts));
      for (let source = 0; source < nodes; source++) {
        for (let node = 0; node < nodes; node++) {
          if (node === source) continue;
          nodeHops[source] += (1 - Math.exp(kept[source * nodes + node] - shared[node])) / layers;
        }
      }
      for (let gpu = 0; gpu < own.length; gpu++) ownVisits[gpu] += (1 - Math.exp(-own[gpu])) / layers;
    }
  }

  /** Sums one layer's expected selections up by where they can be served. */
  #serve(layer: number, prediction: Float64Array): void {
    const { placement, replicas, shares } = this.#map;
    const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
    const { offsets, slots } = replicas;
    const values = shares.values;
    const shared = this.#shared;
    const kept = this.#kept;
    const own = this.#own;
    const row = layer * prediction.length;
    const first = layer * this.#gpus * slotsPerGpu;
    shared.fill(0);
    kept.fill(0);
    own.fill(0);
    for (let expert = 0; expert < prediction.length; expert++) {
      const selections = prediction[expert];
      const from = offsets[row + expert];
      const to = offsets[row + expert + 1];
      let lastGpu = -1;
      let lastNode = -1;
      // An expert's slots ascend, and with them its GPUs and nodes.
      for (let i = from; i < to; i++) {
        const gpu = Math.floor(slots[i] / slotsPerGpu);
        const node = Math.floor(gpu / gpusPerNode);
        shared[node] += selections * values[first + slots[i]];
        if (gpu !== lastGpu) own[gpu] += selections;
        if (node !== lastNode) {
          for (let j = from; j < to; j++) {
            const other = Math.floor(slots[j] / (slotsPerGpu * gpusPerNode));
            kept[node * nodes + other] += selections * values[first + slots[j]];
          }
        }
        lastGpu = gpu;
        lastNode = node;
      }
    }
  }
}
