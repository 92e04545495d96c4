import type { Rng } from "../../lib/rng.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { TokenBatch } from "./token-batch.ts";

/** Any replica, each as likely as the other. */
export class RandomChooser implements ReplicaChooser {
  readonly #map: ReplicaMap;
  readonly #rng: Rng;

  constructor(map: ReplicaMap, rng: Rng) {
    this.#map = map;
    this.#rng = rng;
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { offsets, slots } = this.#map.replicas;
    const { tokens, rows, experts, rowStride, topk } = batch;
    const row = layer * this.#map.placement.experts;
    for (let token = 0, o = 0; token < tokens; token++) {
      const base = rows[token] * rowStride + column;
      for (let k = 0; k < topk; k++, o++) {
        const expert = experts[base + k];
        if (expert < 0) {
          out[o] = -1;
          continue;
        }
        const from = offsets[row + expert];
        const count = offsets[row + expert + 1] - from;
        if (count === 0) out[o] = -1;
        else out[o] = slots[count === 1 ? from : from + this.#rng.below(count)];
      }
    }
  }
}
