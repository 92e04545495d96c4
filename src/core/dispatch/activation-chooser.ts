import { slotCount } from "../../model/topology.ts";
import { countSelections } from "./count-selections.ts";
import { OpenReplicas } from "./open-replicas.ts";
import { type HopPrices, PricedChooser } from "./priced-chooser.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { TokenBatch } from "./token-batch.ts";

/**
 * For decode: with few tokens an expert's time is that of reading its weights, once for every GPU that a token of
 * the batch reaches it on (METRO, arXiv 2512.09277). Opens the replicas that make the fewest activated experts on the
 * worst GPU (OpenReplicas), then sends the tokens to open replicas as `priced` does: fewest hops at levelled load.
 */
export class ActivationChooser implements ReplicaChooser {
  readonly #map: ReplicaMap;
  readonly #replicas: OpenReplicas;
  readonly #count: Float64Array;
  /** One layer with its open replicas only, made anew for every batch. */
  readonly #offsets: Int32Array;
  readonly #slots: Int32Array;
  readonly #experts: Int32Array;
  readonly #shares: Float64Array;
  readonly #priced: PricedChooser;

  constructor(map: ReplicaMap, prices: HopPrices) {
    const { placement, replicas } = map;
    const width = slotCount(placement.topology);
    this.#map = map;
    this.#replicas = new OpenReplicas(placement, replicas);
    this.#count = new Float64Array(placement.experts);
    this.#offsets = new Int32Array(placement.experts + 1);
    this.#slots = new Int32Array(width);
    this.#experts = new Int32Array(width);
    this.#shares = new Float64Array(width);
    const open = {
      placement: { ...placement, layers: 1, physicalToLogical: this.#experts },
      replicas: { offsets: this.#offsets, slots: this.#slots },
      shares: { values: this.#shares, prices: map.shares.prices },
    };
    this.#priced = new PricedChooser(open, prices);
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    countSelections(column, batch, this.#count);
    this.#replicas.choose(layer, this.#count);
    this.#keepOpen(layer);
    this.#priced.choose(0, column, batch, out);
  }

  #keepOpen(layer: number): void {
    const { placement, replicas, shares } = this.#map;
    const { open } = this.#replicas;
    const width = open.length;
    const first = layer * width;
    const row = layer * placement.experts;
    for (let slot = 0; slot < width; slot++) {
      this.#experts[slot] = placement.physicalToLogical[first + slot];
      this.#shares[slot] = shares.values[first + slot];
    }
    let next = 0;
    for (let e = 0; e < placement.experts; e++) {
      this.#offsets[e] = next;
      const from = replicas.offsets[row + e];
      const to = replicas.offsets[row + e + 1];
      for (let r = from; r < to; r++) {
        if (open[replicas.slots[r]] === 1) this.#slots[next++] = replicas.slots[r];
      }
      // An expert that the batch does not select keeps a replica, which nothing is sent to.
      if (next === this.#offsets[e] && from < to) this.#slots[next++] = replicas.slots[from];
    }
    this.#offsets[placement.experts] = next;
  }
}
