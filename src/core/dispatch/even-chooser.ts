import type { ReplicaChooser } from "./replica-chooser.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { TokenBatch } from "./token-batch.ts";

/**
 * Deals every expert's selections out by the snapshot's shares, by smooth weighted round robin: each slot earns
 * its share with every selection of its expert and pays 1 when chosen, so that no slot is ever a whole selection
 * ahead of its part (nor behind it, with two replicas). Which tokens go where plays no role.
 */
export class EvenChooser implements ReplicaChooser {
  readonly #map: ReplicaMap;
  /** `[layers][slots]`: what each slot is owed; carried over from batch to batch. */
  readonly #credit: Float64Array;

  constructor(map: ReplicaMap) {
    this.#map = map;
    this.#credit = new Float64Array(map.shares.values.length);
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { offsets, slots } = this.#map.replicas;
    const { tokens, rows, experts, rowStride, topk } = batch;
    const shares = this.#map.shares.values;
    const credit = this.#credit;
    const row = layer * this.#map.placement.experts;
    const first = layer * (credit.length / this.#map.placement.layers);
    for (let token = 0, o = 0; token < tokens; token++) {
      const base = rows[token] * rowStride + column;
      for (let k = 0; k < topk; k++, o++) {
        const expert = experts[base + k];
        if (expert < 0) {
          out[o] = -1;
          continue;
        }
        const from = offsets[row + expert];
        const to = offsets[row + expert + 1];
        let best = from < to ? slots[from] : -1;
        if (to - from > 1) {
          let most = Number.NEGATIVE_INFINITY;
          for (let i = from; i < to; i++) {
            const slot = slots[i];
            const owed = credit[first + slot] + shares[first + slot];
            credit[first + slot] = owed;
            if (owed > most) {
              most = owed;
              best = slot;
            }
          }
          credit[first + best] -= 1;
        }
        out[o] = best;
      }
    }
  }
}
