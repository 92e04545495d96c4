import type { LayerTally } from "../../model/layer-tally.ts";
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
  readonly #lowLatencyBatch: number;
  readonly #lowLatency: { readonly dispatchUs: number; readonly combineUs: number };

  /** @param lowLatencyBatch tokens of a rank up to which the low-latency kernels are used */
  constructor(model: MoeModel, topology: Topology, hardware: Hardware, lowLatencyBatch = LOW_LATENCY_BATCH) {
    this.#lowLatencyBatch = lowLatencyBatch;
    this.#model = model;
    this.#hardware = hardware;
    this.#lowLatency = lowLatencyPoint(hardware, gpuCount(topology));
  }

  /** DeepEP's low-latency kernels for small batches, its normal ones above. */
  of(tally: LayerTally, mostTokensOnARank: number, slice: Slice): Exchange {
    return lowLatency(mostTokensOnARank, slice, this.#lowLatencyBatch)
      ? this.#small(tally, slice.part)
      : this.#normal(tally, slice.part);
  }

  /** Every selection travels by itself; time grows with the busiest rank's bytes between the measured ends. */
  #small(tally: LayerTally, part: number): Exchange {
    const { lowLatencyFloorUs } = this.#hardware;
    const { dispatchUs, combineUs } = this.#lowLatency;
    let busiest = 0;
    for (let gpu = 0; gpu < tally.gpuLoad.length; gpu++) {
      busiest = Math.max(busiest, tally.gpuLoad[gpu], tally.selectionsFrom[gpu]);
    }
    const fill = (part * busiest) / (LOW_LATENCY_BATCH * LOW_LATENCY_TOPK);
    const message = lowLatencyExchangeBytes(this.#model, 1);
    const between = (floor: number, full: number, size: number) =>
      (floor + fill * size * (full - floor)) * 1e-6;
    return {
      dispatch: between(
        lowLatencyFloorUs.dispatch,
        dispatchUs,
        message.dispatch / LOW_LATENCY_BYTES.dispatch,
      ),
      combine: between(lowLatencyFloorUs.combine, combineUs, message.combine / LOW_LATENCY_BYTES.combine),
    };
  }

  /**
   * A token crosses between nodes once per destination node and is forwarded over NVLink, both at once: the
   * busiest link of either kind sets the time.
   */
  #normal(tally: LayerTally, part: number): Exchange {
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
}

export function lowLatency(
  mostTokensOnARank: number,
  { part }: Pick<Slice, "part">,
  batch = LOW_LATENCY_BATCH,
): boolean {
  return mostTokensOnARank * part <= batch;
}
