import type { LayerTally } from "../../model/layer-tally.ts";
import { type EngineShape, PLAIN_SHAPE, partOfModel, rankCount } from "../../model/engine-shape.ts";
import { type MoeModel, compressionWeights, ffnMatrices } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import { BF16_BYTES, bytesPerWeight } from "../../model/weights.ts";
import { arithmeticRate } from "./arithmetic-rate.ts";
import { type AttentionWork, answerTokens, promptPartOf } from "./attention-work.ts";
import { FLOPS_PER_WEIGHT } from "./core-attention.ts";
import { ExchangeTime, type Slice, lowLatency } from "./exchange-time.ts";
import { ExpertTime } from "./expert-time.ts";
import type { Hardware } from "./hardware.ts";
import { LayerOverhead } from "./layer-overhead.ts";
import { type LayerKind, layerKinds } from "./layer-kinds.ts";
import { type LayerTimes, alternating, pipelined } from "./overlap.ts";
import { bothOf } from "./overlap-norm.ts";

/** How an engine runs a model, where it is not said: as DeepSeek's does. */
interface StepOptions {
  readonly shape?: EngineShape;
  /** Whether two micro-batches may overlap. */
  readonly overlaps?: boolean;
}

/**
 * How long the parts of a forward pass take, in seconds. Every MoE layer is two barriers: the slowest rank's attention
 * (with the shared expert), the dispatch, the slowest rank's experts, the combine. They follow one another, or
 * overlap in two micro-batches of half the tokens of every rank each. With tensor parallelism a rank is a group of GPUs:
 * what is computed here is one GPU's part, to which all-reduces come.
 */
export class StepCost {
  readonly #model: MoeModel;
  readonly #hardware: Hardware;
  readonly #kinds: readonly LayerKind[];
  /** Of a layer's shared experts that are computed by themselves, with what compresses tokens. */
  readonly #sharedWeights: number;
  readonly #exchange: ExchangeTime;
  readonly #experts: ExpertTime;
  readonly #overhead: LayerOverhead;
  readonly #launch: number;
  /** Whether the engine takes two overlapping micro-batches where they are faster. */
  readonly overlaps: boolean;

  /** @param topology of expert units (EngineShape), which are GPUs without tensor parallelism */
  constructor(
    whole: MoeModel,
    topology: Topology,
    hardware: Hardware,
    { shape = PLAIN_SHAPE, overlaps = true }: StepOptions = {},
  ) {
    const model = partOfModel(whole, shape);
    const ranks = rankCount(topology, shape);
    // One rank alone exchanges nothing that could be hidden.
    this.overlaps = overlaps && ranks > 1;
    this.#launch = ranks > 1 ? hardware.fixed.launch : 0;
    this.#model = model;
    this.#hardware = hardware;
    this.#exchange = new ExchangeTime(model, topology, hardware, shape);
    this.#overhead = new LayerOverhead(model, shape, ranks, topology.gpusPerNode * shape.moeTp, hardware);
    this.#kinds = layerKinds(model, hardware);
    const shared = ffnMatrices(model) * model.hidden * model.sharedIntermediate * model.sharedExperts;
    const [apart, fused] = model.sharedFused ? [0, shared] : [shared, 0];
    this.#sharedWeights = apart + compressionWeights(model);
    this.#experts = new ExpertTime(model, topology.slotsPerGpu, hardware, fused);
  }

  /**
   * Everything of the pass that does not depend on routing: all attention, the dense layers and the logits.
   * @param attention what `attention` says of the same ranks, where that is known
   */
  fixed(ranks: readonly AttentionWork[], attention = this.attention(ranks)): number {
    let seconds = 0;
    for (const { moeRows } of this.#kinds)
      if (moeRows.length > 0) seconds += moeRows.length * attention[moeRows[0]];
    return seconds + this.outsideMoe(ranks);
  }

  /** The layers that route to no experts, and the logits: these never overlap with anything. */
  outsideMoe(ranks: readonly AttentionWork[]): number {
    const { denseLayers, hidden, denseIntermediate, vocabulary, layers, mtpLayers, moeLayers } = this.#model;
    const { head, overlapNorm } = this.#hardware;
    let dense = 0;
    let logits = 0;
    for (const work of ranks) {
      const weights = ffnMatrices(this.#model) * hidden * denseIntermediate;
      dense = Math.max(dense, this.#product(weights, work, WHOLE));
      // The head is BF16: it runs at the BF16 rates.
      const scored = work.sampled === 0 ? 0 : vocabulary * hidden;
      const seconds = bothOf(
        (scored * BF16_BYTES) / head.bandwidth,
        (scored * FLOPS_PER_WEIGHT * work.sampled) / head.flops,
        overlapNorm,
      );
      logits = Math.max(logits, seconds);
    }
    let attention = 0;
    for (const kind of this.#kinds) {
      if (kind.others > 0) attention += kind.others * this.#slowestAttention(kind, ranks, WHOLE);
    }
    const others = layers + mtpLayers - moeLayers.length;
    const overhead = this.#overhead.step(ranks) + others * this.#overhead.otherLayer(ranks);
    return attention + denseLayers.length * dense + logits + overhead;
  }

  /**
   * Dispatch, the slowest rank's experts, and combine of one MoE layer, one after the other.
   * @param promptPart of the tokens that are of prompts, 0..1
   */
  experts(tally: LayerTally, mostTokensOnARank: number, promptPart = 0): number {
    const { dispatch, experts, combine } = this.times(tally, mostTokensOnARank, promptPart);
    return dispatch + experts + combine;
  }

  /** One MoE layer, one part after the other. @param attention what `attention` says of the layer */
  inTurn(tally: LayerTally, mostTokensOnARank: number, attention: number, promptPart = 0): number {
    return this.layerInTurn({ attention, ...this.times(tally, mostTokensOnARank, promptPart) });
  }

  /** One MoE layer of which the times are known, one part after the other. */
  layerInTurn(times: LayerTimes): number {
    const { attention, dispatch, experts, combine } = this.#launched(times);
    return attention + dispatch + experts + combine;
  }

  /** One MoE layer in two overlapping micro-batches. @param halfAttention what `halfAttention` says of the layer */
  overlapped(tally: LayerTally, mostTokensOnARank: number, halfAttention: number, promptPart = 0): number {
    return this.layerOverlapped(
      this.halfTimes(tally, mostTokensOnARank, halfAttention, promptPart),
      promptPart,
    );
  }

  /** One MoE layer in two overlapping micro-batches, of which the times of one are known. */
  layerOverlapped(half: LayerTimes, promptPart: number): number {
    const times = this.#launched(half);
    return lowLatency(promptPart) ? pipelined(times) : alternating(times);
  }

  /** The parts of one MoE layer behind its attention, as one batch. */
  times(tally: LayerTally, mostTokensOnARank: number, promptPart: number): Omit<LayerTimes, "attention"> {
    return {
      experts: this.#experts.slowest(tally, WHOLE, promptPart),
      ...this.#exchange.of(tally, mostTokensOnARank, promptPart, WHOLE),
    };
  }

  /** The parts of one MoE layer in one of two overlapping micro-batches. */
  halfTimes(
    tally: LayerTally,
    mostTokensOnARank: number,
    halfAttention: number,
    promptPart: number,
  ): LayerTimes {
    const half = this.#half(promptPart);
    return {
      attention: halfAttention,
      experts: this.#experts.slowest(tally, half, promptPart),
      ...this.#exchange.of(tally, mostTokensOnARank, promptPart, half),
    };
  }

  /** Dispatch and combine of one MoE layer: as one batch, and in one of two overlapping micro-batches. */
  exchanges(
    tally: LayerTally,
    mostTokensOnARank: number,
    promptPart: number,
    halved: boolean,
  ): Pick<LayerTimes, "dispatch" | "combine"> {
    return this.#exchange.of(tally, mostTokensOnARank, promptPart, halved ? this.#half(promptPart) : WHOLE);
  }

  /** Experts of one MoE layer on one GPU (`ExpertTime.seconds`), likewise. */
  expertSeconds(
    active: number,
    selections: number,
    ownTokens: number,
    promptPart: number,
    halved: boolean,
  ): number {
    const slice = halved ? this.#half(promptPart) : WHOLE;
    return this.#experts.seconds(active, selections, ownTokens, slice, promptPart);
  }

  /** `[MoE layers]`: what precedes the experts. */
  attention(ranks: readonly AttentionWork[]): Float64Array {
    return this.#beforeExperts(ranks, WHOLE);
  }

  /** `[MoE layers]`: the same in one of two overlapping micro-batches. */
  halfAttention(ranks: readonly AttentionWork[]): Float64Array {
    return this.#beforeExperts(ranks, this.#half(promptPartOf(ranks)));
  }

  /** The host launches a micro-batch's kernels no faster. */
  #launched(times: LayerTimes): LayerTimes {
    const waits = Math.max(0, this.#launch - times.attention - times.experts);
    return { ...times, attention: times.attention + waits };
  }

  #beforeExperts(ranks: readonly AttentionWork[], slice: Slice): Float64Array {
    const seconds = new Float64Array(this.#model.moeLayers.length);
    for (const kind of this.#kinds) {
      if (kind.moeRows.length === 0) continue;
      const slowest = this.#slowestBeforeExperts(kind, ranks, slice);
      if (kind.moeRows.length === seconds.length) seconds.fill(slowest);
      else for (const row of kind.moeRows) seconds[row] = slowest;
    }
    return seconds;
  }

  /** The normal kernels keep some of the multiprocessors to themselves while they overlap. */
  #half(promptPart: number): Slice {
    const { all, exchange } = this.#hardware.multiprocessors;
    return { part: 1 / 2, rate: lowLatency(promptPart) ? 1 : 1 - exchange / all };
  }

  /** Attention, with the shared experts that are computed by themselves. */
  #slowestBeforeExperts(kind: LayerKind, ranks: readonly AttentionWork[], slice: Slice): number {
    let slowest = 0;
    for (const work of ranks) {
      const shared = this.#product(this.#sharedWeights, work, slice);
      slowest = Math.max(slowest, this.#attention(kind, work, slice) + shared);
    }
    return slowest + this.#overhead.moeLayer(ranks, slice.part);
  }

  #slowestAttention(kind: LayerKind, ranks: readonly AttentionWork[], slice: Slice): number {
    let slowest = 0;
    for (const work of ranks) slowest = Math.max(slowest, this.#attention(kind, work, slice));
    return slowest;
  }

  #attention({ projections, core }: LayerKind, work: AttentionWork, slice: Slice): number {
    if (core === null) return 0;
    return this.#product(projections, work, slice) + slice.part * core.seconds(work, slice.rate);
  }

  /**
   * A product of a rank's tokens with a matrix of so many weights that is no routed expert's: bound by arithmetic or by
   * reading the weights.
   */
  #product(weights: number, work: AttentionWork, { part, rate }: Slice): number {
    const { tokens } = work;
    if (tokens === 0) return 0;
    const { projectionFlops, promptRate, weightBandwidth, overlapNorm } = this.#hardware;
    const { rest } = this.#model.precision;
    // In tokens of answers.
    const answers = answerTokens(work);
    const rows = part * (answers + (tokens - answers) / promptRate);
    return bothOf(
      (weights * bytesPerWeight(rest)) / weightBandwidth,
      (weights * FLOPS_PER_WEIGHT * rows) / (projectionFlops * arithmeticRate(this.#hardware, rest) * rate),
      overlapNorm,
    );
  }
}

const WHOLE: Slice = { part: 1, rate: 1 };
