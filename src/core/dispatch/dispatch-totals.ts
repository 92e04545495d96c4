import type { LayerTally } from "../../model/layer-tally.ts";
import { type Placement, gpusInService } from "../../model/placement.ts";

/** What dispatches came to, all layers of all batches added up. Per token means per token and layer. */
export interface DispatchFigures {
  /** (token, destination rank ≠ source) pairs per token. */
  readonly hopsPerToken: number;
  /** (token, destination node ≠ source) pairs per token. */
  readonly nodeHopsPerToken: number;
  /** Σ mean / Σ max GPU load, over the GPUs in service; 1 when nothing was selected. */
  readonly balancedness: number;
  /** The same of the physical experts that each GPU has to read because a token chose them. */
  readonly activationBalancedness: number;
  /** The most of these on any GPU; mean over batches and layers. */
  readonly activatedOnWorstGpu: number;
  readonly selections: number;
}

/** Adds up tallies, one layer of one batch at a time. */
export class DispatchTotals {
  readonly #slotsPerGpu: number;
  readonly #inService: number;
  #tallies = 0;
  #tokens = 0;
  #hops = 0;
  #nodeHops = 0;
  #selections = 0;
  #sumMean = 0;
  #sumMax = 0;
  #sumActiveMean = 0;
  #sumActiveMax = 0;

  constructor(placement: Placement) {
    this.#slotsPerGpu = placement.topology.slotsPerGpu;
    this.#inService = gpusInService(placement).length;
  }

  /** @param tokens of the batch */
  add(tally: LayerTally, tokens: number): void {
    const { gpuLoad, slotLoad } = tally;
    let max = 0;
    let active = 0;
    let activeMax = 0;
    for (let gpu = 0; gpu < gpuLoad.length; gpu++) {
      if (gpuLoad[gpu] > max) max = gpuLoad[gpu];
      let here = 0;
      for (let i = 0; i < this.#slotsPerGpu; i++) if (slotLoad[gpu * this.#slotsPerGpu + i] > 0) here++;
      active += here;
      if (here > activeMax) activeMax = here;
    }
    this.#tallies++;
    this.#tokens += tokens;
    this.#hops += tally.hops;
    this.#nodeHops += tally.nodeHops;
    this.#selections += tally.selections;
    this.#sumMean += tally.selections / this.#inService;
    this.#sumMax += max;
    this.#sumActiveMean += active / this.#inService;
    this.#sumActiveMax += activeMax;
  }

  figures(): DispatchFigures {
    return {
      hopsPerToken: this.#hops / this.#tokens,
      nodeHopsPerToken: this.#nodeHops / this.#tokens,
      balancedness: this.#sumMax === 0 ? 1 : this.#sumMean / this.#sumMax,
      activationBalancedness: this.#sumActiveMax === 0 ? 1 : this.#sumActiveMean / this.#sumActiveMax,
      activatedOnWorstGpu: this.#sumActiveMax / this.#tallies,
      selections: this.#selections,
    };
  }
}
