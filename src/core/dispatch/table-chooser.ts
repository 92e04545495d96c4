import type { RankTable } from "../../model/rank-table.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import type { TokenBatch } from "./token-batch.ts";

/** Looks every selection up by its token's source rank. */
export class TableChooser implements ReplicaChooser {
  readonly #table: RankTable;

  constructor(table: RankTable) {
    this.#table = table;
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { tokens, sources, rows, experts, rowStride, topk } = batch;
    const { layers, experts: width, slots } = this.#table;
    for (let token = 0, o = 0; token < tokens; token++) {
      const base = rows[token] * rowStride + column;
      const row = (sources[token] * layers + layer) * width;
      for (let k = 0; k < topk; k++, o++) {
        const expert = experts[base + k];
        out[o] = expert < 0 ? -1 : slots[row + expert];
      }
    }
  }
}
