import type { LayerTally } from "../../model/layer-tally.ts";
import { BF16_BYTES, type MoeModel, expertBytes } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { attentionWeights } from "./attention-weights.ts";
import type { AttentionWork } from "./attention-work.ts";
import { normalExchangeBytes } from "./exchange-bytes.ts";
import { type Hardware, LOW_LATENCY_BATCH, LOW_LATENCY_TOPK, lowLatencyPoint } from "./hardware.ts";

/** A multiply and an add. */
const FLOPS_PER_WEIGHT = 2;

/**
 * How long a forward pass takes, in seconds. Every MoE layer is two barriers: it lasts the slowest rank's
 * attention (with the shared expert) + the dispatch + the slowest rank's experts + the combine. Nothing
 * overlaps; DeepSeek's two-micro-batch overlap is not modelled.
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
    const { layers, denseLayers, hidden, denseIntermediate, vocabulary } = this.#model;
    const { kvBandwidth, attentionFlops } = this.#hardware;
    let attention = 0;
    let dense = 0;
    let logits = 0;
    for (const work of ranks) {
      attention = Math.max(attention, this.#attention(work));
      dense = Math.max(dense, this.#product(3 * hidden * denseIntermediate, work.tokens));
      // The head is BF16: it runs at the BF16 rates.
      const weights = work.sampled === 0 ? 0 : vocabulary * hidden;
      logits = Math.max(
        logits,
        (weights * BF16_BYTES) / kvBandwidth,
        (weights * FLOPS_PER_WEIGHT * work.sampled) / attentionFlops,
      );
    }
    return layers * attention + denseLayers * dense + logits;
  }

  /** Dispatch, the slowest rank's experts, and combine of one MoE layer. */
  experts(tally: LayerTally, mostTokensOnARank: number): number {
    return this.#exchange(tally, mostTokensOnARank) + this.#slowestExperts(tally);
  }

  #attention(work: AttentionWork): number {
    const { hidden, moeIntermediate, sharedExperts, attention } = this.#model;
    const { heads, kvLoraRank, nopeHeadDim, ropeHeadDim, vHeadDim } = attention;
    const { attentionFlops, kvBandwidth } = this.#hardware;
    const prefill = FLOPS_PER_WEIGHT * work.prefillContext * heads * (nopeHeadDim + ropeHeadDim + vHeadDim);
    // Decode works on the compressed cache itself ("absorbed" MLA, as FlashMLA does).
    const decode = FLOPS_PER_WEIGHT * work.decodeContext * heads * (2 * kvLoraRank + ropeHeadDim);
    const cache = work.decodeContext * (kvLoraRank + ropeHeadDim) * BF16_BYTES;
    return (
      this.#product(this.#projectionWeights, work.tokens) +
      this.#product(3 * hidden * moeIntermediate * sharedExperts, work.tokens) +
      prefill / attentionFlops +
      Math.max(decode / attentionFlops, cache / kvBandwidth)
    );
  }

  /** An FP8 product of `tokens` rows with a matrix of so many weights: bound by arithmetic or by reading the weights. */
  #product(weights: number, tokens: number): number {
    if (tokens === 0) return 0;
    const { projectionFlops, weightBandwidth } = this.#hardware;
    return Math.max((weights * FLOPS_PER_WEIGHT * tokens) / projectionFlops, weights / weightBandwidth);
  }

  /** Dispatch + combine: DeepEP's low-latency kernels for small batches, its normal ones above. */
  #exchange(tally: LayerTally, mostTokensOnARank: number): number {
    return mostTokensOnARank <= LOW_LATENCY_BATCH
      ? this.#lowLatencyExchange(tally)
      : this.#normalExchange(tally);
  }

  /** Every selection travels by itself; time grows with the busiest rank's selections between the measured ends. */
  #lowLatencyExchange(tally: LayerTally): number {
    const { lowLatencyFloorUs } = this.#hardware;
    const { dispatchUs, combineUs } = this.#lowLatency;
    let busiest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      busiest = Math.max(busiest, tally.gpuLoad[gpu], tally.selectionsFrom[gpu]);
    }
    const fill = busiest / (LOW_LATENCY_BATCH * LOW_LATENCY_TOPK);
    const dispatch = lowLatencyFloorUs.dispatch + fill * (dispatchUs - lowLatencyFloorUs.dispatch);
    const combine = lowLatencyFloorUs.combine + fill * (combineUs - lowLatencyFloorUs.combine);
    return (dispatch + combine) * 1e-6;
  }

  /**
   * A token crosses between nodes once per destination node and is forwarded over NVLink, both at once: the
   * busiest link of either kind sets the time.
   */
  #normalExchange(tally: LayerTally): number {
    const { rdmaBandwidth, nvlinkBandwidth, normalFloorUs } = this.#hardware;
    let rdma = 0;
    let nvlink = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      rdma = Math.max(rdma, tally.nodeSends[gpu], tally.nodeReceives[gpu]);
      nvlink = Math.max(nvlink, tally.rankReceives[gpu]);
    }
    const bytes = normalExchangeBytes(this.#model, 1);
    const floor = (normalFloorUs.dispatch + normalFloorUs.combine) * 1e-6;
    return (
      floor + (bytes.dispatch + bytes.combine) * Math.max(rdma / rdmaBandwidth, nvlink / nvlinkBandwidth)
    );
  }

  #slowestExperts(tally: LayerTally): number {
    const { expertFlops, weightBandwidth } = this.#hardware;
    const flopsPerSelection = FLOPS_PER_WEIGHT * 3 * this.#model.hidden * this.#model.moeIntermediate;
    const bytesPerExpert = expertBytes(this.#model);
    let slowest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      let active = 0;
      for (let slot = gpu * this.#slotsPerGpu; slot < (gpu + 1) * this.#slotsPerGpu; slot++) {
        if (tally.slotLoad[slot] > 0) active++;
      }
      slowest = Math.max(
        slowest,
        (tally.gpuLoad[gpu] * flopsPerSelection) / expertFlops,
        (active * bytesPerExpert) / weightBandwidth,
      );
    }
    return slowest;
  }
}
