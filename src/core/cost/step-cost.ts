import type { LayerTally } from "../../model/layer-tally.ts";
import {
  type MoeModel,
  compressionWeights,
  expertBytes,
  expertWeights,
  ffnMatrices,
  sharedBytes,
} from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { BF16_BYTES, bytesPerWeight } from "../../model/weights.ts";
import { arithmeticRate } from "./arithmetic-rate.ts";
import type { AttentionWork } from "./attention-work.ts";
import { FLOPS_PER_WEIGHT } from "./core-attention.ts";
import { ExchangeTime, type Slice, lowLatency } from "./exchange-time.ts";
import { type Hardware, LOW_LATENCY_BATCH } from "./hardware.ts";
import { type LayerKind, layerKinds } from "./layer-kinds.ts";
import { type LayerTimes, alternating, pipelined } from "./overlap.ts";

/**
 * How long the parts of a forward pass take, in seconds. Every MoE layer is two barriers: the slowest rank's attention
 * (with the shared expert), the dispatch, the slowest rank's experts, the combine. They follow one another, or
 * overlap in two micro-batches of half the tokens of every rank each.
 */
export class StepCost {
  readonly #model: MoeModel;
  readonly #hardware: Hardware;
  readonly #slotsPerGpu: number;
  readonly #kinds: readonly LayerKind[];
  /** Of a layer's shared experts: computed by themselves, with what compresses tokens; fused with the routed ones. */
  readonly #sharedWeights: { readonly apart: number; readonly fused: number };
  readonly #exchange: ExchangeTime;
  readonly #lowLatencyBatch: number;

  /** @param lowLatencyBatch tokens of a rank up to which the engine exchanges by the low-latency kernels */
  constructor(model: MoeModel, topology: Topology, hardware: Hardware, lowLatencyBatch = LOW_LATENCY_BATCH) {
    this.#lowLatencyBatch = lowLatencyBatch;
    this.#model = model;
    this.#hardware = hardware;
    this.#slotsPerGpu = topology.slotsPerGpu;
    this.#exchange = new ExchangeTime(model, topology, hardware, lowLatencyBatch);
    this.#kinds = layerKinds(model, hardware);
    const shared = ffnMatrices(model) * model.hidden * model.sharedIntermediate * model.sharedExperts;
    const [apart, fused] = model.sharedFused ? [0, shared] : [shared, 0];
    this.#sharedWeights = { apart: apart + compressionWeights(model), fused };
  }

  /** Everything of the pass that does not depend on routing: all attention, the dense layers and the logits. */
  fixed(ranks: readonly AttentionWork[]): number {
    let attention = 0;
    for (const kind of this.#kinds) {
      if (kind.moeRows.length > 0)
        attention += kind.moeRows.length * this.#slowestBeforeExperts(kind, ranks, WHOLE);
    }
    return attention + this.outsideMoe(ranks);
  }

  /** The layers that route to no experts, and the logits: these never overlap with anything. */
  outsideMoe(ranks: readonly AttentionWork[]): number {
    const { denseLayers, hidden, denseIntermediate, vocabulary } = this.#model;
    const { kvBandwidth, attentionFlops } = this.#hardware;
    let dense = 0;
    let logits = 0;
    for (const work of ranks) {
      const weights = ffnMatrices(this.#model) * hidden * denseIntermediate;
      dense = Math.max(dense, this.#product(weights, work.tokens));
      // The head is BF16: it runs at the BF16 rates.
      const head = work.sampled === 0 ? 0 : vocabulary * hidden;
      logits = Math.max(
        logits,
        (head * BF16_BYTES) / kvBandwidth,
        (head * FLOPS_PER_WEIGHT * work.sampled) / attentionFlops,
      );
    }
    let attention = 0;
    for (const kind of this.#kinds) {
      if (kind.others > 0) attention += kind.others * this.#slowestAttention(kind, ranks, WHOLE);
    }
    return attention + denseLayers.length * dense + logits;
  }

  /** Dispatch, the slowest rank's experts, and combine of one MoE layer, one after the other. */
  experts(tally: LayerTally, mostTokensOnARank: number): number {
    const { dispatch, experts, combine } = this.times(tally, mostTokensOnARank);
    return dispatch + experts + combine;
  }

  /** One MoE layer in two overlapping micro-batches. @param halfAttention what `halfAttention` says of the layer */
  overlapped(tally: LayerTally, mostTokensOnARank: number, halfAttention: number): number {
    const times = this.halfTimes(tally, mostTokensOnARank, halfAttention);
    const half = this.#half(mostTokensOnARank);
    return lowLatency(mostTokensOnARank, half, this.#lowLatencyBatch) ? pipelined(times) : alternating(times);
  }

  /** The parts of one MoE layer behind its attention, as one batch. */
  times(tally: LayerTally, mostTokensOnARank: number): Omit<LayerTimes, "attention"> {
    return {
      experts: this.#slowestExperts(tally, WHOLE),
      ...this.#exchange.of(tally, mostTokensOnARank, WHOLE),
    };
  }

  /** The parts of one MoE layer in one of two overlapping micro-batches. */
  halfTimes(tally: LayerTally, mostTokensOnARank: number, halfAttention: number): LayerTimes {
    const half = this.#half(mostTokensOnARank);
    return {
      attention: halfAttention,
      experts: this.#slowestExperts(tally, half),
      ...this.#exchange.of(tally, mostTokensOnARank, half),
    };
  }

  /** `[MoE layers]`: what precedes the experts in one of two overlapping micro-batches. */
  halfAttention(ranks: readonly AttentionWork[], mostTokensOnARank: number): Float64Array {
    const half = this.#half(mostTokensOnARank);
    const seconds = new Float64Array(this.#model.moeLayers.length);
    for (const kind of this.#kinds) {
      if (kind.moeRows.length === 0) continue;
      const slowest = this.#slowestBeforeExperts(kind, ranks, half);
      for (const row of kind.moeRows) seconds[row] = slowest;
    }
    return seconds;
  }

  /** The normal kernels keep some of the multiprocessors to themselves while they overlap. */
  #half(mostTokensOnARank: number): Slice {
    const { all, exchange } = this.#hardware.multiprocessors;
    const part = 1 / 2;
    return {
      part,
      rate: lowLatency(mostTokensOnARank, { part }, this.#lowLatencyBatch) ? 1 : 1 - exchange / all,
    };
  }

  /** Attention, with the shared experts that are computed by themselves. */
  #slowestBeforeExperts(kind: LayerKind, ranks: readonly AttentionWork[], slice: Slice): number {
    let slowest = 0;
    for (const work of ranks) {
      const shared = this.#product(this.#sharedWeights.apart, work.tokens * slice.part, slice.rate);
      slowest = Math.max(slowest, this.#attention(kind, work, slice) + shared);
    }
    return slowest;
  }

  #slowestAttention(kind: LayerKind, ranks: readonly AttentionWork[], slice: Slice): number {
    let slowest = 0;
    for (const work of ranks) slowest = Math.max(slowest, this.#attention(kind, work, slice));
    return slowest;
  }

  #attention({ projections, core }: LayerKind, work: AttentionWork, { part, rate }: Slice): number {
    if (core === null) return 0;
    return this.#product(projections, work.tokens * part, rate) + part * core.seconds(work, rate);
  }

  /**
   * A product of `tokens` rows with a matrix of so many weights that is no routed expert's: bound by arithmetic or by
   * reading the weights.
   */
  #product(weights: number, tokens: number, rate = 1): number {
    if (tokens === 0) return 0;
    const { projectionFlops, weightBandwidth } = this.#hardware;
    const { rest } = this.#model.precision;
    return Math.max(
      (weights * FLOPS_PER_WEIGHT * tokens) / (projectionFlops * arithmeticRate(rest) * rate),
      (weights * bytesPerWeight(rest)) / weightBandwidth,
    );
  }

  #slowestExperts(tally: LayerTally, { part, rate }: Slice): number {
    const { topk, precision, sharedFused } = this.#model;
    const { weightBandwidth } = this.#hardware;
    const flops = this.#hardware.expertFlops * arithmeticRate(precision.experts) * rate;
    const flopsPerSelection = FLOPS_PER_WEIGHT * expertWeights(this.#model);
    const flopsPerToken = FLOPS_PER_WEIGHT * this.#sharedWeights.fused;
    const bytesPerExpert = expertBytes(this.#model);
    const fusedBytes = sharedFused ? sharedBytes(this.#model) : 0;
    let slowest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      let active = 0;
      for (let slot = gpu * this.#slotsPerGpu; slot < (gpu + 1) * this.#slotsPerGpu; slot++) {
        // Of so many selections at least one falls into the slice.
        active += 1 - (1 - part) ** tally.slotLoad[slot];
      }
      const ownTokens = tally.selectionsFrom[gpu] / topk;
      const shared = ownTokens > 0 ? fusedBytes : 0;
      slowest = Math.max(
        slowest,
        (part * (tally.gpuLoad[gpu] * flopsPerSelection + ownTokens * flopsPerToken)) / flops,
        (active * bytesPerExpert + shared) / weightBandwidth,
      );
    }
    return slowest;
  }
}

const WHOLE: Slice = { part: 1, rate: 1 };
