import type { LayerTally } from "../../model/layer-tally.ts";
import { type EngineShape, rankCount } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { lowLatencyExchangeBytes, normalExchangeBytes } from "./exchange-bytes.ts";
import {
  type Hardware,
  LOW_LATENCY_BATCH,
  LOW_LATENCY_BYTES,
  LOW_LATENCY_TOPK,
  lowLatencyPoint,
} from "./hardware.ts";
import type { LayerTimes } from "./overlap.ts";
import { TabulatedExchange } from "./tabulated-exchange.ts";

/** What is costed of a batch. */
export interface Slice {
  /** Of every rank's tokens: 1, or 1/2 for a micro-batch. */
  readonly part: number;
  /** Of the GPU's rate of arithmetic. */
  readonly rate: number;
}

type Exchange = Pick<LayerTimes, "dispatch" | "combine">;

/** How long a layer's tokens travel to their experts, and back, in seconds. */
export class ExchangeTime {
  readonly #model: MoeModel;
  readonly #hardware: Hardware;
  readonly #lowLatency: { readonly dispatchUs: number; readonly combineUs: number };
  /** What every exchange takes more with so many ranks. */
  readonly #doublings: number;
  /** Between nodes of the topology; within one domain as fast as within a node. */
  readonly #nodeBandwidth: number;

  readonly #ranks: number;
  /** Null where no such number of GPUs was measured. */
  readonly #table: TabulatedExchange | null;
  readonly #shape: EngineShape;

  constructor(model: MoeModel, topology: Topology, hardware: Hardware, shape: EngineShape) {
    this.#model = model;
    this.#hardware = hardware;
    this.#shape = shape;
    this.#ranks = rankCount(topology, shape);
    const ranks = gpuCount(topology) * shape.moeTp;
    this.#table = TabulatedExchange.of(model, ranks, topology.nodes, hardware.exchangeTable);
    this.#lowLatency = lowLatencyPoint(hardware, ranks);
    this.#doublings = hardware.exchangeDoublingUs * Math.log2(ranks);
    const { domainGpus, nvlinkBandwidth, rdmaBandwidth } = hardware;
    this.#nodeBandwidth = ranks <= domainGpus || topology.nodes === 1 ? nvlinkBandwidth : rdmaBandwidth;
  }

  /**
   * DeepEP's low-latency kernels for steps of answers, its normal ones where there are prompts. Where experts are
   * divided, tokens go to all GPUs. One rank alone has every token where its experts are.
   */
  of(tally: LayerTally, mostTokensOnARank: number, promptPart: number, { part }: Slice): Exchange {
    if (this.#ranks === 1) return { dispatch: 0, combine: 0 };
    if (this.#shape.moeTp > 1) return this.#gather(tally, mostTokensOnARank, part);
    return lowLatency(promptPart) ? this.#small(tally, part) : this.#normal(tally, part);
  }

  /** Every selection travels by itself; time grows with the busiest rank's bytes between the measured ends. */
  #small(tally: LayerTally, part: number): Exchange {
    const { lowLatencyFloorUs } = this.#hardware;
    const { dispatchUs, combineUs } = this.#lowLatency;
    let busiest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      busiest = Math.max(busiest, tally.gpuLoad[gpu], tally.selectionsFrom[gpu]);
    }
    const message = lowLatencyExchangeBytes(this.#model, 1);
    if (this.#table !== null) return this.#table.small(part * busiest);
    const fill = (part * busiest) / (LOW_LATENCY_BATCH * LOW_LATENCY_TOPK);
    const between = (floor: number, full: number, size: number) =>
      (this.#doublings + floor + fill * size * (full - floor)) * 1e-6;
    return {
      dispatch: between(
        lowLatencyFloorUs.dispatch,
        dispatchUs,
        message.dispatch / LOW_LATENCY_BYTES.dispatch,
      ),
      combine: between(lowLatencyFloorUs.combine, combineUs, message.combine / LOW_LATENCY_BYTES.combine),
    };
  }

  /** Every GPU receives the tokens of all other ranks, and gives its part of each back. */
  #gather({ selections }: LayerTally, mostTokensOnARank: number, part: number): Exchange {
    const others = Math.max(0, selections / this.#model.topk - mostTokensOnARank);
    const bytes = normalExchangeBytes(this.#model, part * others);
    const bandwidth = Math.min(this.#nodeBandwidth, this.#hardware.nvlinkBandwidth);
    return {
      dispatch: this.#doublings * 1e-6 + bytes.dispatch / bandwidth,
      combine: this.#doublings * 1e-6 + bytes.combine / bandwidth,
    };
  }

  /**
   * A token crosses between nodes once per destination node and is forwarded over NVLink, both at once: the
   * busiest link of either kind sets the time.
   */
  #normal(tally: LayerTally, part: number): Exchange {
    const { nvlinkBandwidth, normalFloorUs } = this.#hardware;
    let rdma = 0;
    let nvlink = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      rdma = Math.max(rdma, tally.nodeSends[gpu], tally.nodeReceives[gpu]);
      nvlink = Math.max(nvlink, tally.rankReceives[gpu]);
    }
    const bytes = normalExchangeBytes(this.#model, part);
    if (this.#table !== null) return this.#table.normal(part * nvlink, part * rdma);
    const secondsPerByte = Math.max(rdma / this.#nodeBandwidth, nvlink / nvlinkBandwidth);
    return {
      dispatch: (this.#doublings + normalFloorUs.dispatch) * 1e-6 + bytes.dispatch * secondsPerByte,
      combine: (this.#doublings + normalFloorUs.combine) * 1e-6 + bytes.combine * secondsPerByte,
    };
  }
}

/**
 * Whether a step has DeepEP's low-latency kernels. Engines choose by what a step is of (SGLang's `--deepep-mode auto`,
 * vLLM's backends of prefill and decode pools), and set the buffers of these up for their largest batch of answers.
 */
export function lowLatency(promptPart: number): boolean {
  return promptPart === 0;
}
