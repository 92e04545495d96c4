import { gpuCount, slotCount } from "../../model/topology.ts";
import type { ReplicaChooser, ReplicaMap } from "./replica-chooser.ts";
import type { TokenBatch } from "./token-batch.ts";

export interface HopPrices {
  /** Cost of a (token, rank) pair that the token would not visit otherwise; a node hop costs 1. */
  readonly rankHop: number;
  /** Node hops one is willing to pay to take 1 % of the mean GPU load off a GPU. */
  readonly load: number;
}

/** NVLink moves a byte 4 × as fast as InfiniBand (160 and 40 GB/s achieved, ISCA'25 §4.3): hence 1/4. */
export const DEFAULT_HOP_PRICES: HopPrices = { rankHop: 0.25, load: 0.02 };

/**
 * For every token the cheapest replicas: node hops first, then rank hops, plus the price of the destination's
 * load. Experts with one replica say which nodes and ranks a token visits anyway; the others then choose.
 *
 * A GPU's load is the load it will have when the batch is done, as far as can be known: the batch's selections
 * are counted before the first choice, each expert's are first laid out by the snapshot's shares, and every
 * choice replaces a part of that expectation by a fact. Source GPU and source node are free.
 */
export class PricedChooser implements ReplicaChooser {
  readonly #map: ReplicaMap;
  readonly #prices: HopPrices;
  readonly #gpuOf: Int32Array;
  readonly #nodeOf: Int32Array;
  readonly #count: Int32Array;
  readonly #load: Float64Array;
  /** Serial number of the token that last visited the rank or node. */
  readonly #rankVisit: Int32Array;
  readonly #nodeVisit: Int32Array;
  #serial = 0;
  #open = new Int32Array(0);

  constructor(map: ReplicaMap, prices: HopPrices) {
    const { topology, experts } = map.placement;
    const gpus = gpuCount(topology);
    this.#map = map;
    this.#prices = prices;
    this.#gpuOf = Int32Array.from({ length: slotCount(topology) }, (_, s) =>
      Math.floor(s / topology.slotsPerGpu),
    );
    this.#nodeOf = Int32Array.from({ length: gpus }, (_, g) => Math.floor(g / topology.gpusPerNode));
    this.#count = new Int32Array(experts);
    this.#load = new Float64Array(gpus);
    this.#rankVisit = new Int32Array(gpus);
    this.#nodeVisit = new Int32Array(topology.nodes);
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { tokens, sources, rows, experts, rowStride, topk } = batch;
    const { offsets, slots } = this.#map.replicas;
    const shares = this.#map.shares.values;
    const gpuOf = this.#gpuOf;
    const nodeOf = this.#nodeOf;
    const load = this.#load;
    const rankVisit = this.#rankVisit;
    const nodeVisit = this.#nodeVisit;
    const row = layer * this.#map.placement.experts;
    const first = layer * gpuOf.length;
    const { rankHop } = this.#prices;
    if (this.#open.length < topk) this.#open = new Int32Array(topk);
    const open = this.#open;
    const price = this.#expectLoad(layer, column, batch);
    if (this.#serial > 0x7fff_ffff - tokens) this.#forgetVisits();
    let serial = this.#serial;

    for (let token = 0, o = 0; token < tokens; token++, o += topk) {
      const base = rows[token] * rowStride + column;
      const source = sources[token];
      serial++;
      rankVisit[source] = serial;
      nodeVisit[nodeOf[source]] = serial;
      let opened = 0;
      for (let k = 0; k < topk; k++) {
        const expert = experts[base + k];
        if (expert < 0) {
          out[o + k] = -1;
          continue;
        }
        const from = offsets[row + expert];
        if (offsets[row + expert + 1] - from > 1) {
          open[opened++] = k;
          continue;
        }
        const slot = slots[from];
        const gpu = gpuOf[slot];
        out[o + k] = slot;
        rankVisit[gpu] = serial;
        nodeVisit[nodeOf[gpu]] = serial;
      }
      for (let i = 0; i < opened; i++) {
        const k = open[i];
        const expert = experts[base + k];
        const from = offsets[row + expert];
        const to = offsets[row + expert + 1];
        let best = -1;
        let least = Number.POSITIVE_INFINITY;
        for (let r = from; r < to; r++) {
          const slot = slots[r];
          const gpu = gpuOf[slot];
          load[gpu] -= shares[first + slot];
          let cost = price * load[gpu];
          if (rankVisit[gpu] !== serial) cost += nodeVisit[nodeOf[gpu]] === serial ? rankHop : 1 + rankHop;
          if (cost < least) {
            least = cost;
            best = slot;
          }
        }
        const gpu = gpuOf[best];
        load[gpu] += 1;
        out[o + k] = best;
        rankVisit[gpu] = serial;
        nodeVisit[nodeOf[gpu]] = serial;
      }
    }
    this.#serial = serial;
  }

  /** Lays the batch's selections out by the shares; returns the price of one selection on a GPU, in node hops. */
  #expectLoad(layer: number, column: number, batch: TokenBatch): number {
    const { tokens, rows, experts, rowStride, topk } = batch;
    const { offsets, slots } = this.#map.replicas;
    const shares = this.#map.shares.values;
    const count = this.#count;
    const load = this.#load;
    const row = layer * count.length;
    const first = layer * this.#gpuOf.length;
    count.fill(0);
    for (let token = 0; token < tokens; token++) {
      const base = rows[token] * rowStride + column;
      for (let k = 0; k < topk; k++) if (experts[base + k] >= 0) count[experts[base + k]]++;
    }
    load.fill(0);
    let selections = 0;
    for (let expert = 0; expert < count.length; expert++) {
      const chosen = count[expert];
      if (chosen === 0) continue;
      selections += chosen;
      for (let r = offsets[row + expert]; r < offsets[row + expert + 1]; r++) {
        load[this.#gpuOf[slots[r]]] += chosen * shares[first + slots[r]];
      }
    }
    // In a small batch a hundredth of the mean is less than a selection, which is the least that can move.
    return this.#prices.load / Math.max(1, selections / load.length / 100);
  }

  #forgetVisits(): void {
    this.#rankVisit.fill(0);
    this.#nodeVisit.fill(0);
    this.#serial = 0;
  }
}
