import type { LayerTally } from "../model/layer-tally.ts";

/** What `dispatch --json` says of one layer, and of all together. */
export interface DispatchFigures {
  /** (token, destination rank ≠ source) pairs per token and layer. */
  readonly hopsPerToken: number;
  /** (token, destination node ≠ source) pairs per token and layer. */
  readonly nodeHopsPerToken: number;
  /** Σ mean / Σ max GPU load over batches (and layers); 1 when nothing was selected. */
  readonly balancedness: number;
  /** The same of the physical experts that each GPU has to read because a token chose them. */
  readonly activationBalancedness: number;
  readonly selections: number;
  /** Over the time it took to choose the replicas; counting and files are not in it. */
  readonly selectionsPerSecond: number;
}

/** Adds up the tallies of a dispatch, batch by batch. */
export class DispatchTotals {
  readonly #slotsPerGpu: number;
  #tokens = 0;
  #hops = 0;
  #nodeHops = 0;
  #selections = 0;
  #sumMean = 0;
  #sumMax = 0;
  #sumActiveMean = 0;
  #sumActiveMax = 0;
  #chooseMs = 0;

  constructor(slotsPerGpu: number) {
    this.#slotsPerGpu = slotsPerGpu;
  }

  /** @param chooseMs how long it took to choose the batch's replicas */
  add(tally: LayerTally, tokens: number, chooseMs: number): void {
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
    this.#tokens += tokens;
    this.#hops += tally.hops;
    this.#nodeHops += tally.nodeHops;
    this.#selections += tally.selections;
    this.#sumMean += tally.selections / gpuLoad.length;
    this.#sumMax += max;
    this.#sumActiveMean += active / gpuLoad.length;
    this.#sumActiveMax += activeMax;
    this.#chooseMs += chooseMs;
  }

  figures(): DispatchFigures {
    return {
      hopsPerToken: this.#hops / this.#tokens,
      nodeHopsPerToken: this.#nodeHops / this.#tokens,
      balancedness: this.#sumMax === 0 ? 1 : this.#sumMean / this.#sumMax,
      activationBalancedness: this.#sumActiveMax === 0 ? 1 : this.#sumActiveMean / this.#sumActiveMax,
      selections: this.#selections,
      selectionsPerSecond: this.#selections / (this.#chooseMs / 1000),
    };
  }
}
