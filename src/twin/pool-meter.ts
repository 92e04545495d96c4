import type { TokenBatch } from "../core/dispatch/token-batch.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import type { LayerTally } from "../model/layer-tally.ts";
import { type Placement, gpusInService } from "../model/placement.ts";
import type { PoolWindow, RankState } from "../model/pool-window.ts";
import { gpuCount } from "../model/topology.ts";
import type { DispatchDetail } from "./dispatch-detail.ts";
import type { NormalTable } from "./fidelity/normal-table.ts";
import type { RoutingSource } from "./routing-source.ts";
import type { StepBatch } from "./step-batch.ts";
import type { TokenDraw } from "./token-draw.ts";

/** Tokens that choose experts with the same chances. */
interface ExpectedTokens {
  /** `[layers][experts]` */
  readonly chance: Float32Array;
  readonly tokens: number;
  /** Those of them whose choices vary (BatchMix). */
  readonly varying: number;
}

/** Adds up what the dispatches of a window came to. */
export class PoolMeter {
  readonly #layers: number;
  readonly #gpus: number;
  readonly #serving: Int32Array;
  readonly #load: ExpertLoad;
  readonly #draw: TokenDraw;
  readonly #detail: DispatchDetail | null;
  readonly #gpuLoad: Float64Array;
  readonly #expected = new Map<Float32Array, ExpectedTokens>();
  #normals: NormalTable | null = null;
  #steps = 0;
  #tokens = 0;
  #sumMean = 0;
  #sumMax = 0;
  #hops = 0;
  #nodeHops = 0;
  #stepMs = 0;

  /**
   * @param draw takes the window's sample of tokens; nothing has been drawn since it was last emptied
   * @param detail counts what people are shown; null where nobody looks
   */
  constructor(placement: Placement, draw: TokenDraw, detail: DispatchDetail | null = null) {
    this.#draw = draw;
    this.#detail = detail;
    this.#layers = placement.layers;
    this.#gpus = gpuCount(placement.topology);
    this.#serving = gpusInService(placement);
    this.#load = emptyLoad(placement.layers, placement.experts);
    this.#gpuLoad = new Float64Array(this.#layers * this.#gpus);
  }

  /** @param weight layers that it stands for */
  layer(layer: number, tally: LayerTally, weight = 1): void {
    const { gpuLoad } = tally;
    let max = 0;
    for (let gpu = 0; gpu < gpuLoad.length; gpu++) {
      this.#gpuLoad[layer * this.#gpus + gpu] += weight * gpuLoad[gpu];
      if (gpuLoad[gpu] > max) max = gpuLoad[gpu];
    }
    this.#sumMax += weight * max;
    this.#sumMean += (weight * tally.selections) / this.#serving.length;
    this.#hops += weight * tally.hops;
    this.#nodeHops += weight * tally.nodeHops;
    this.#detail?.layer(tally, weight);
  }

  /** @param slots of one layer, `[tokens × topk]` @param weight (token, layer) pairs that each token stands for */
  dispatched(batch: TokenBatch, slots: Int32Array, weight: number): void {
    this.#detail?.dispatched(batch, slots, weight);
  }

  /** The experts of a layer's slots, of all a step's tokens. */
  countSlots(layer: number, { experts, physicalToLogical }: Placement, { slotLoad }: LayerTally): void {
    const load = this.#load.tokens;
    for (let slot = 0; slot < slotLoad.length; slot++) {
      if (slotLoad[slot] === 0) continue;
      load[layer * experts + physicalToLogical[layer * slotLoad.length + slot]] += slotLoad[slot];
    }
  }

  /** The experts of every `stride`-th of some tokens in every layer; each of these stands for `weight`. */
  countTokens(
    routing: RoutingSource,
    { tokens, rows, experts, rowStride, topk }: TokenBatch,
    stride: number,
    weight: number,
  ): void {
    const load = this.#load.tokens;
    const width = this.#load.experts;
    const layers = this.#layers;
    for (let token = 0; token < tokens; token += stride) {
      const row = rows[token] * rowStride;
      for (let layer = 0; layer < layers; layer++) {
        const from = row + routing.column(layer);
        const to = layer * width;
        for (let at = from; at < from + topk; at++) {
          if (experts[at] >= 0) load[to + experts[at]] += weight;
        }
      }
    }
  }

  /** What becomes of the window's load is drawn when it ends, from all that was expected. */
  expect(tokens: ExpectedTokens, normals: NormalTable): void {
    const before = this.#expected.get(tokens.chance);
    this.#expected.set(tokens.chance, {
      chance: tokens.chance,
      tokens: tokens.tokens + (before?.tokens ?? 0),
      varying: tokens.varying + (before?.varying ?? 0),
    });
    this.#normals = normals;
  }

  step(batch: StepBatch, ms: number): void {
    this.#steps++;
    this.#tokens += batch.tokens;
    this.#draw.offer(batch.rows, batch.tokens);
    this.#stepMs += ms;
  }

  /** Ends the window. */
  window(spanMs: number, routing: RoutingSource, ranks: readonly RankState[]): PoolWindow {
    if (this.#normals !== null) this.#drawLoad(this.#normals);
    return {
      spanMs,
      steps: this.#steps,
      tokens: this.#tokens,
      load: this.#load,
      routing: this.#draw.take(routing, this.#layers),
      gpuLoad: this.#gpuLoad,
      serving: this.#serving,
      sumMean: this.#sumMean,
      sumMax: this.#sumMax,
      hops: this.#hops,
      nodeHops: this.#nodeHops,
      stepMs: this.#stepMs,
      ranks,
      ...this.#detail?.figures(),
    };
  }

  #drawLoad(normals: NormalTable): void {
    const load = this.#load.tokens;
    const variance = new Float64Array(load.length);
    for (const { chance, tokens, varying } of this.#expected.values()) {
      for (let i = 0; i < load.length; i++) {
        load[i] += chance[i] * tokens;
        variance[i] += chance[i] * (1 - chance[i]) * varying;
      }
    }
    normals.shuffle();
    for (let i = 0; i < load.length; i++) {
      if (load[i] > 0) load[i] = normals.count(load[i], variance[i]);
    }
  }
}
