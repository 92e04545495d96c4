import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import type { LayerTally } from "../model/layer-tally.ts";
import type { Placement } from "../model/placement.ts";
import type { PoolWindow, RankState } from "../model/pool-window.ts";
import { gpuCount } from "../model/topology.ts";
import type { RoutingSource } from "./routing-source.ts";
import type { StepBatch } from "./step-batch.ts";
import type { TokenDraw } from "./token-draw.ts";

/** Adds up what the dispatches of a window came to. */
export class PoolMeter {
  readonly #layers: number;
  readonly #gpus: number;
  readonly #load: ExpertLoad;
  readonly #draw: TokenDraw;
  readonly #gpuLoad: Float64Array;
  #steps = 0;
  #tokens = 0;
  #sumMean = 0;
  #sumMax = 0;
  #hops = 0;
  #nodeHops = 0;
  #stepMs = 0;

  /** @param draw takes the window's sample of tokens; nothing has been drawn since it was last emptied */
  constructor(placement: Placement, draw: TokenDraw) {
    this.#draw = draw;
    this.#layers = placement.layers;
    this.#gpus = gpuCount(placement.topology);
    this.#load = emptyLoad(placement.layers, placement.experts);
    this.#gpuLoad = new Float64Array(this.#layers * this.#gpus);
  }

  layer(layer: number, placement: Placement, tally: LayerTally): void {
    const { experts, physicalToLogical } = placement;
    const { slotLoad, gpuLoad } = tally;
    const load = this.#load.tokens;
    for (let slot = 0; slot < slotLoad.length; slot++) {
      if (slotLoad[slot] === 0) continue;
      load[layer * experts + physicalToLogical[layer * slotLoad.length + slot]] += slotLoad[slot];
    }
    let max = 0;
    for (let gpu = 0; gpu < gpuLoad.length; gpu++) {
      this.#gpuLoad[layer * this.#gpus + gpu] += gpuLoad[gpu];
      if (gpuLoad[gpu] > max) max = gpuLoad[gpu];
    }
    this.#sumMax += max;
    this.#sumMean += tally.selections / gpuLoad.length;
    this.#hops += tally.hops;
    this.#nodeHops += tally.nodeHops;
  }

  step(batch: StepBatch, ms: number): void {
    this.#steps++;
    this.#tokens += batch.tokens;
    this.#draw.offer(batch.rows, batch.tokens);
    this.#stepMs += ms;
  }

  /** Ends the window. */
  window(spanMs: number, routing: RoutingSource, ranks: readonly RankState[]): PoolWindow {
    return {
      spanMs,
      steps: this.#steps,
      tokens: this.#tokens,
      load: this.#load,
      routing: this.#draw.take(routing, this.#layers),
      gpuLoad: this.#gpuLoad,
      sumMean: this.#sumMean,
      sumMax: this.#sumMax,
      hops: this.#hops,
      nodeHops: this.#nodeHops,
      stepMs: this.#stepMs,
      ranks,
    };
  }
}
