import type { LayerTally } from "../../model/layer-tally.ts";
import { BF16_BYTES, type MoeModel, expertBytes, moeLayers } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { attentionWeights } from "./attention-weights.ts";
import type { AttentionWork } from "./attention-work.ts";
import { normalExchangeBytes } from "./exchange-bytes.ts";
import { type Hardware, LOW_LATENCY_BATCH, LOW_LATENCY_TOPK, lowLatencyPoint } from "./hardware.ts";
import { type LayerTimes, alternating, pipelined } from "./overlap.ts";

/** A multiply and an add. */
const FLOPS_PER_WEIGHT = 2;

/**
 * How long the parts of a forward pass take, in seconds. Every MoE layer is two barriers: the slowest rank's attention
 * (with the shared expert), the dispatch, the slowest rank's experts, the combine. They follow one another, or
 * overlap in two micro-batches of half the tokens of every rank each.
 */
export class StepCost {
  readonly #model: MoeModel;
  readonly #hardware: Hardware;
  readonly #slotsPerGpu: number;
  readonly #projectionWeights: number;
  readonly #lowLatency: { readonly dispatchUs: number; readonly combineUs: number };

  constructor(model: MoeModel, topology: Topology, hardware: Hardware) {
    this.#model = model;
    this.#hardware = hardware;
    this.#slotsPerGpu = topology.slotsPerGpu;
    this.#lowLatency = lowLatencyPoint(hardware, gpuCount(topology));
    this.#projectionWeights = attentionWeights(model);
  }

  /** Everything of the pass that does not depend on routing: all attention, the dense layers and the logits. */
  fixed(ranks: readonly AttentionWork[]): number {
    return moeLayers(this.#model) * this.#slowestAttention(ranks, WHOLE) + this.outsideMoe(ranks);
  }

  /** The dense layers with their attention, and the logits: these never overlap with anything. */
  outsideMoe(ranks: readonly AttentionWork[]): number {
    const { denseLayers, hidden, denseIntermediate, vocabulary } = this.#model;
    const { kvBandwidth, attentionFlops } = this.#hardware;
    let dense = 0;
    let logits = 0;
    for (const work of ranks) {
      dense = Math.max(dense, this.#product(3 * hidden * denseIntermediate, work.tokens));
      // The head is BF16: it runs at the BF16 rates.
      const weights = work.sampled === 0 ? 0 : vocabulary * hidden;
      logits = Math.max(
        logits,
        (weights * BF16_BYTES) / kvBandwidth,
        (weights * FLOPS_PER_WEIGHT * work.sampled) / attentionFlops,
      );
    }
    return denseLayers * (this.#slowestAttention(ranks, WHOLE) + dense) + logits;
  }

  /** Dispatch, the slowest rank's experts, and combine of one MoE layer, one after the other. */
  experts(tally: LayerTally, mostTokensOnARank: number): number {
    const { dispatch, combine } = this.#exchange(tally, mostTokensOnARank, WHOLE);
    return dispatch + this.#slowestExperts(tally, WHOLE) + combine;
  }

  /** One MoE layer in two overlapping micro-batches. @param halfAttention what `halfAttention` says of the pass */
  overlapped(tally: LayerTally, mostTokensOnARank: number, halfAttention: number): number {
    const half = this.#half(mostTokensOnARank);
    const times = {
      attention: halfAttention,
      experts: this.#slowestExperts(tally, half),
      ...this.#exchange(tally, mostTokensOnARank, half),
    };
    return lowLatency(mostTokensOnARank, half) ? pipelined(times) : alternating(times);
  }

  /** A layer's attention of one of two overlapping micro-batches. */
  halfAttention(ranks: readonly AttentionWork[], mostTokensOnARank: number): number {
    return this.#slowestAttention(ranks, this.#half(mostTokensOnARank));
  }

  /** The normal kernels keep some of the multiprocessors to themselves while they overlap. */
  #half(mostTokensOnARank: number): Slice {
    const { all, exchange } = this.#hardware.multiprocessors;
    const part = 1 / 2;
    return { part, rate: lowLatency(mostTokensOnARank, { part }) ? 1 : 1 - exchange / all };
  }

  #slowestAttention(ranks: readonly AttentionWork[], slice: Slice): number {
    let slowest = 0;
    for (const work of ranks) slowest = Math.max(slowest, this.#attention(work, slice));
    return slowest;
  }

  #attention(work: AttentionWork, { part, rate }: Slice): number {
    const { hidden, moeIntermediate, sharedExperts, attention } = this.#model;
    const { heads, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim } = attention;
    const { attentionFlops, kvBandwidth } = this.#hardware;
    const prefill = FLOPS_PER_WEIGHT * work.prefillContext * heads * (nopeHeadDim + ropeHeadDim + vHeadDim);
    // Decode works on the compressed cache itself ("absorbed" MLA, as FlashMLA does).
    const decode = FLOPS_PER_WEIGHT * work.decodeContext * heads * (2 * kvLoraRank + ropeHeadDim);
    const cache = work.decodeContext * (kvLoraRank + ropeHeadDim) * BF16_BYTES;
    const flops = attentionFlops * rate;
    const tokens = work.tokens * part;
    return (
      this.#product(this.#projectionWeights, tokens, rate) +
      this.#product(3 * hidden * moeIntermediate * sharedExperts, tokens, rate) +
      part * (prefill / flops + Math.max(decode / flops, cache / kvBandwidth))
    );
  }

  /** An FP8 product of `tokens` rows with a matrix of so many weights: bound by arithmetic or by reading the weights. */
  #product(weights: number, tokens: number, rate = 1): number {
    if (tokens === 0) return 0;
    const { projectionFlops, weightBandwidth } = this.#hardware;
    return Math.max(
      (weights * FLOPS_PER_WEIGHT * tokens) / (projectionFlops * rate),
      weights / weightBandwidth,
    );
  }

  /** DeepEP's low-latency kernels for small batches, its normal ones above. */
  #exchange(tally: LayerTally, mostTokensOnARank: number, slice: Slice): Exchange {
    return lowLatency(mostTokensOnARank, slice)
      ? this.#lowLatencyExchange(tally, slice.part)
      : this.#normalExchange(tally, slice.part);
  }

  /** Every selection travels by itself; time grows with the busiest rank's selections between the measured ends. */
  #lowLatencyExchange(tally: LayerTally, part: number): Exchange {
    const { lowLatencyFloorUs } = this.#hardware;
    const { dispatchUs, combineUs } = this.#lowLatency;
    let busiest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      busiest = Math.max(busiest, tally.gpuLoad[gpu], tally.selectionsFrom[gpu]);
    }
    const fill = (part * busiest) / (LOW_LATENCY_BATCH * LOW_LATENCY_TOPK);
    const between = (floor: number, full: number) => (floor + fill * (full - floor)) * 1e-6;
    return {
      dispatch: between(lowLatencyFloorUs.dispatch, dispatchUs),
      combine: between(lowLatencyFloorUs.combine, combineUs),
    };
  }

  /**
   * A token crosses between nodes once per destination node and is forwarded over NVLink, both at once: the
   * busiest link of either kind sets the time.
   */
  #normalExchange(tally: LayerTally, part: number): Exchange {
    const { rdmaBandwidth, nvlinkBandwidth, normalFloorUs } = this.#hardware;
    let rdma = 0;
    let nvlink = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      rdma = Math.max(rdma, tally.nodeSends[gpu], tally.nodeReceives[gpu]);
      nvlink = Math.max(nvlink, tally.rankReceives[gpu]);
    }
    const bytes = normalExchangeBytes(this.#model, part);
    const secondsPerByte = Math.max(rdma / rdmaBandwidth, nvlink / nvlinkBandwidth);
    return {
      dispatch: normalFloorUs.dispatch * 1e-6 + bytes.dispatch * secondsPerByte,
      combine: normalFloorUs.combine * 1e-6 + bytes.combine * secondsPerByte,
    };
  }

  #slowestExperts(tally: LayerTally, { part, rate }: Slice): number {
    const { expertFlops, weightBandwidth } = this.#hardware;
    const flopsPerSelection = FLOPS_PER_WEIGHT * 3 * this.#model.hidden * this.#model.moeIntermediate;
    const bytesPerExpert = expertBytes(this.#model);
    let slowest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      let active = 0;
      for (let slot = gpu * this.#slotsPerGpu; slot < (gpu + 1) * this.#slotsPerGpu; slot++) {
        // Of so many selections at least one falls into the slice.
        active += 1 - (1 - part) ** tally.slotLoad[slot];
      }
      slowest = Math.max(
        slowest,
        (part * tally.gpuLoad[gpu] * flopsPerSelection) / (expertFlops * rate),
        (active * bytesPerExpert) / weightBandwidth,
      );
    }
    return slowest;
  }
}

/** What is costed of a batch. */
interface Slice {
  /** Of every rank's tokens: 1, or 1/2 for a micro-batch. */
  readonly part: number;
  /** Of the GPU's rate of arithmetic. */
  readonly rate: number;
}

const WHOLE: Slice = { part: 1, rate: 1 };

type Exchange = Pick<LayerTimes, "dispatch" | "combine">;

function lowLatency(mostTokensOnARank: number, { part }: Pick<Slice, "part">): boolean {
  return mostTokensOnARank * part <= LOW_LATENCY_BATCH;
}
