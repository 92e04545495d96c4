import type { Rng } from "../../lib/rng.ts";
import { gpuCount } from "../../model/topology.ts";
import type { ReplicaChooser, ReplicaMap } from "./replica-chooser.ts";
import type { TokenBatch } from "./token-batch.ts";

/**
 * One fixed replica per (source GPU, expert): on the source itself, else in its node, else any; where several
 * are equally near, a seeded choice. This is what SGLang's `--ep-dispatch-algorithm static` table does.
 */
export class StaticChooser implements ReplicaChooser {
  readonly #experts: number;
  readonly #gpus: number;
  /** `[layers][gpus][experts]` slots. */
  readonly #table: Int32Array;

  constructor(map: ReplicaMap, rng: Rng) {
    const { layers, experts, topology } = map.placement;
    const { offsets, slots } = map.replicas;
    const gpus = gpuCount(topology);
    this.#experts = experts;
    this.#gpus = gpus;
    this.#table = new Int32Array(layers * gpus * experts);
    for (let row = 0; row < layers * experts; row++) {
      const layer = Math.floor(row / experts);
      for (let source = 0; source < gpus; source++) {
        let best = -1;
        let bestDistance = 3;
        let ties = 0;
        for (let i = offsets[row]; i < offsets[row + 1]; i++) {
          const gpu = Math.floor(slots[i] / topology.slotsPerGpu);
          const sameNode =
            Math.floor(gpu / topology.gpusPerNode) === Math.floor(source / topology.gpusPerNode);
          const distance = gpu === source ? 0 : sameNode ? 1 : 2;
          if (distance < bestDistance) {
            bestDistance = distance;
            ties = 0;
          }
          // Reservoir of one: every replica at the least distance is as likely.
          if (distance === bestDistance && rng.below(++ties) === 0) best = slots[i];
        }
        this.#table[(layer * gpus + source) * experts + (row - layer * experts)] = best;
      }
    }
  }

  choose(layer: number, column: number, batch: TokenBatch, out: Int32Array): void {
    const { tokens, sources, rows, experts, rowStride, topk } = batch;
    const table = this.#table;
    const first = layer * this.#gpus;
    const width = this.#experts;
    for (let token = 0, o = 0; token < tokens; token++) {
      const base = rows[token] * rowStride + column;
      const row = (first + sources[token]) * width;
      for (let k = 0; k < topk; k++, o++) {
        const expert = experts[base + k];
        out[o] = expert < 0 ? -1 : table[row + expert];
      }
    }
  }
}
