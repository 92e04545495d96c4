import { PairCounter } from "../core/dispatch/pair-counter.ts";
import type { TokenBatch } from "../core/dispatch/token-batch.ts";
import type { LayerTally } from "../model/layer-tally.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import { type Topology, gpuCount } from "../model/topology.ts";

/** What people are shown of a pool's dispatches, and balancing does without: who sends to whom, and which experts are read. */
export class DispatchDetail {
  readonly #pairs: PairCounter;
  readonly #slotsPerGpu: number;
  /** `[gpus]`: slots that computed anything, summed over layers of steps. */
  readonly #activated: Float64Array;
  /** Layers of steps. */
  #layers = 0;
  #dispatched = false;

  constructor(topology: Topology) {
    this.#pairs = new PairCounter(topology);
    this.#slotsPerGpu = topology.slotsPerGpu;
    this.#activated = new Float64Array(gpuCount(topology));
  }

  /** @param weight layers that it stands for */
  layer({ slotLoad }: LayerTally, weight: number): void {
    const activated = this.#activated;
    for (let gpu = 0, slot = 0; gpu < activated.length; gpu++) {
      let here = 0;
      for (const end = slot + this.#slotsPerGpu; slot < end; slot++) if (slotLoad[slot] > 0) here++;
      activated[gpu] += weight * here;
    }
    this.#layers += weight;
  }

  /** @param weight (token, layer) pairs that each token stands for */
  dispatched(batch: TokenBatch, slots: Int32Array, weight: number): void {
    this.#dispatched = true;
    this.#pairs.count(batch, slots, weight);
  }

  /** What came to it. */
  figures(): Pick<PoolWindow, "exchange" | "activated"> {
    return {
      exchange: this.#dispatched ? this.#pairs.take() : null,
      activated:
        this.#layers === 0
          ? null
          : { perGpu: this.#activated.map((sum) => sum / this.#layers), estimated: false },
    };
  }
}
