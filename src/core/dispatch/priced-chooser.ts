import { gpuCount, slotCount } from "../../model/topology.ts";
import { LayerFlow } from "../shares/layer-flow.ts";
import { countSelections } from "./count-selections.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { TokenBatch } from "./token-batch.ts";

/** What hops and load cost beside each other, in node hops. */
export interface HopPrices {
  /** Cost of a (token, rank) pair that the token would not visit otherwise; a node hop costs 1. */
  readonly rankHop: number;
  /** Node hops one is willing to pay to take 1 % of the mean GPU load off a GPU that has room. */
  readonly load: number;
  /** Node hops one is willing to pay to keep a selection off a GPU that has none. */
  readonly overload: number;
}

/**
 * NVLink moves a byte 4 × as fast as InfiniBand (160 and 40 GB/s achieved, ISCA'25 §4.3): hence 1/4. Every GPU
 * waits for the fullest, so that a selection too many there costs a node hop; among the others load hardly counts.
 */
export const DEFAULT_HOP_PRICES: HopPrices = { rankHop: 0.25, load: 0.005, overload: 1 };

/** Part of a node hop that is spared for every other expert of the token that may go the same way. */
const SHARED_HOP = 0.5;
/** On so few nodes a token goes nearly everywhere anyway: it saves 0.1 % of the hops, and 0.6 to 2 % on eight. */
const FEW_NODES = 4;

/**
 * For every token the cheapest replicas: node hops first, then rank hops, plus the price of the destination's
 * load. Experts with one replica say which nodes and ranks a token visits anyway; the others then choose. Source
 * GPU and source node are free.
 *
 * The batch's selections are counted before the first choice. From the counts follows the least maximum of GPU load
 * that any choice for this batch can reach, and shares that reach it: the snapshot's, as far as they fit
 * (core/shares). A GPU's load is the one it will have when the batch is done: each expert's selections are laid
 * out by those shares, and every choice replaces a part of that expectation by a fact. Below the maximum, hops
 * decide; beyond it a GPU is dear: in all but one of 120,000 small batches the fullest ended within four selections
 * of it.
 */
export class PricedChooser implements ReplicaChooser {
  readonly #map: ReplicaMap;
  readonly #prices: HopPrices;
  readonly #flow: LayerFlow;
  readonly #gpuOf: Int32Array;
  readonly #nodeOf: Int32Array;
  readonly #count: Float64Array;
  readonly #shares: Float64Array;
  /** The flow's own prices; what they say is in the maximum. */
  readonly #dual: Float64Array;
  readonly #load: Float64Array;
  /** Serial number of the token that last visited the rank or node. */
  readonly #rankVisit: Int32Array;
  readonly #nodeVisit: Int32Array;
  /** `[nodes]`: open experts of the token that have a replica there, and none where it goes anyway. */
  readonly #wanted: Int32Array;
  #serial = 0;
  #selections = 0;
  #open = new Int32Array(0);

  constructor(map: ReplicaMap, prices: HopPrices) {
    const { topology, experts } = map.placement;
    const gpus = gpuCount(topology);
    const slots = slotCount(topology);
    this.#map = map;
    this.#prices = prices;
    this.#flow = new LayerFlow(map.placement, map.replicas, new Float64Array(gpus).fill(1));
    this.#gpuOf = Int32Array.from({ length: slots }, (_, s) => Math.floor(s / topology.slotsPerGpu));
    this.#nodeOf = Int32Array.from({ length: gpus }, (_, g) => Math.floor(g / topology.gpusPerNode));
    this.#count = new Float64Array(experts);
    this.#shares = new Float64Array(slots);
    this.#dual = new Float64Array(gpus);
    this.#load = new Float64Array(gpus);
    this.#rankVisit = new Int32Array(gpus);
    this.#nodeVisit = new Int32Array(topology.nodes);
    this.#wanted = new Int32Array(topology.nodes);
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { tokens, sources, rows, experts, rowStride, topk } = batch;
    const { offsets, slots } = this.#map.replicas;
    const shares = this.#shares;
    const gpuOf = this.#gpuOf;
    const nodeOf = this.#nodeOf;
    const load = this.#load;
    const rankVisit = this.#rankVisit;
    const nodeVisit = this.#nodeVisit;
    const wanted = this.#wanted;
    const row = layer * this.#map.placement.experts;
    const { rankHop, overload } = this.#prices;
    const nodeAndRank = 1 + rankHop;
    const mayShare = nodeVisit.length > FEW_NODES;
    if (this.#open.length < topk) this.#open = new Int32Array(topk);
    const open = this.#open;
    this.#expectLoad(layer, column, batch);
    const room = this.#flow.optimum - 1;
    // In a small batch a hundredth of the mean is less than a selection, which is the least that can move.
    const price = this.#prices.load / Math.max(1, this.#selections / load.length / 100);
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
        const count = offsets[row + expert + 1] - from;
        if (count > 1) {
          open[opened++] = k;
          continue;
        }
        if (count === 0) {
          out[o + k] = -1;
          continue;
        }
        const slot = slots[from];
        const gpu = gpuOf[slot];
        out[o + k] = slot;
        rankVisit[gpu] = serial;
        nodeVisit[nodeOf[gpu]] = serial;
      }
      const shared = opened > 1 && mayShare && this.#countWanted(row, base, opened, experts, serial);
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
          const others = load[gpu] - shares[slot];
          load[gpu] = others;
          let cost = price * others;
          if (others > room) cost += overload * (others - room);
          if (rankVisit[gpu] !== serial) {
            const node = nodeOf[gpu];
            if (nodeVisit[node] === serial) cost += rankHop;
            else cost += shared ? nodeAndRank - SHARED_HOP * (wanted[node] - 1) : nodeAndRank;
          }
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

  /** Counts the batch's selections and lays them out. */
  #expectLoad(layer: number, column: number, batch: TokenBatch): void {
    const { offsets, slots } = this.#map.replicas;
    const gpuOf = this.#gpuOf;
    const count = this.#count;
    const shares = this.#shares;
    const load = this.#load;
    const row = layer * count.length;
    countSelections(column, batch, count);
    this.#flow.solve(layer, count, shares, this.#dual, this.#map.shares.values);
    load.fill(0);
    let selections = 0;
    for (let expert = 0; expert < count.length; expert++) {
      const chosen = count[expert];
      if (chosen === 0) continue;
      selections += chosen;
      for (let r = offsets[row + expert]; r < offsets[row + expert + 1]; r++) {
        load[gpuOf[slots[r]]] += chosen * shares[slots[r]];
      }
    }
    this.#selections = selections;
  }

  /**
   * How many of the token's open experts could share a visit to each node; those that need none are left out.
   * @returns whether there are two to share one; else nothing is counted
   */
  #countWanted(row: number, base: number, opened: number, experts: Int16Array, serial: number): boolean {
    const { offsets, slots } = this.#map.replicas;
    const gpuOf = this.#gpuOf;
    const nodeOf = this.#nodeOf;
    const nodeVisit = this.#nodeVisit;
    const wanted = this.#wanted;
    const open = this.#open;
    let last = -1;
    let unmet = 0;
    for (let i = 0; i < opened; i++) {
      const expert = experts[base + open[i]];
      const to = offsets[row + expert + 1];
      let r = offsets[row + expert];
      while (r < to && nodeVisit[nodeOf[gpuOf[slots[r]]]] !== serial) r++;
      if (r < to) continue;
      unmet++;
      // The first is counted when a second shows that it is worth it.
      if (unmet === 2) {
        for (let node = 0; node < wanted.length; node++) wanted[node] = 0;
        for (r = offsets[row + last]; r < offsets[row + last + 1]; r++) wanted[nodeOf[gpuOf[slots[r]]]]++;
      }
      if (unmet > 1) for (r = offsets[row + expert]; r < to; r++) wanted[nodeOf[gpuOf[slots[r]]]]++;
      last = expert;
    }
    return unmet > 1;
  }

  #forgetVisits(): void {
    this.#rankVisit.fill(0);
    this.#nodeVisit.fill(0);
    this.#serial = 0;
  }
}
