import type { LayerTally } from "../../model/layer-tally.ts";
import { type MoeModel, expertBytes, expertWeights, sharedBytes } from "../../model/moe-model.ts";
import { arithmeticRate } from "./arithmetic-rate.ts";
import { FLOPS_PER_WEIGHT } from "./core-attention.ts";
import type { Slice } from "./exchange-time.ts";
import type { Hardware } from "./hardware.ts";
import { bothOf } from "./overlap-norm.ts";

/** How long the routed experts of a layer take on the slowest GPU, with the shared ones that are fused with them. */
export class ExpertTime {
  readonly #slotsPerGpu: number;
  readonly #topk: number;
  readonly #hardware: Hardware;
  readonly #flops: number;
  readonly #bandwidth: number;
  readonly #flopsPerSelection: number;
  readonly #flopsPerToken: number;
  readonly #bytesPerExpert: number;
  readonly #fusedBytes: number;

  /** @param model the part of it that one GPU has @param fusedWeights of a layer's shared experts that are fused */
  constructor(model: MoeModel, slotsPerGpu: number, hardware: Hardware, fusedWeights: number) {
    this.#slotsPerGpu = slotsPerGpu;
    this.#topk = model.topk;
    this.#hardware = hardware;
    this.#flops = hardware.expertFlops * arithmeticRate(hardware, model.precision.experts);
    this.#bandwidth = hardware.weightBandwidth * hardware.expertReading;
    this.#flopsPerSelection = FLOPS_PER_WEIGHT * expertWeights(model);
    this.#flopsPerToken = FLOPS_PER_WEIGHT * fusedWeights;
    this.#bytesPerExpert = expertBytes(model);
    this.#fusedBytes = model.sharedFused ? sharedBytes(model) : 0;
  }

  /** @param promptPart of the tokens that are of prompts, 0..1 */
  slowest(tally: LayerTally, slice: Slice, promptPart: number): number {
    const missed = missedBy(slice.part);
    const { slotLoad } = tally;
    let slowest = 0;
    for (let gpu = 0, slot = 0; gpu < tally.gpuLoad.length; gpu++) {
      let active = 0;
      for (const end = slot + this.#slotsPerGpu; slot < end; slot++) {
        const load = slotLoad[slot];
        active += load < MOST_MISSED ? 1 - missed[load] : 1;
      }
      const ownTokens = tally.selectionsFrom[gpu] / this.#topk;
      const seconds = this.seconds(active, tally.gpuLoad[gpu], ownTokens, slice, promptPart);
      if (seconds > slowest) slowest = seconds;
    }
    return slowest;
  }

  /**
   * One GPU.
   * @param active     experts that it reads
   * @param selections that it computes
   * @param ownTokens  that begin there
   */
  seconds(
    active: number,
    selections: number,
    ownTokens: number,
    { part, rate }: Slice,
    promptPart: number,
  ): number {
    const { overlapNorm, promptRate } = this.#hardware;
    const shared = ownTokens > 0 ? this.#fusedBytes : 0;
    return bothOf(
      (active * this.#bytesPerExpert + shared) / this.#bandwidth,
      (part *
        (selections * this.#flopsPerSelection + ownTokens * this.#flopsPerToken) *
        (1 - promptPart + promptPart / promptRate)) /
        (this.#flops * rate),
      overlapNorm,
    );
  }
}

/** Of as many selections one surely falls into half a batch. */
const MOST_MISSED = 64;
const MISSED = { half: missedTable(1 / 2), none: missedTable(1) };

/** `[selections]`: the chance that none of so many falls into a slice. */
function missedBy(part: number): Float64Array {
  return part === 1 ? MISSED.none : part === 1 / 2 ? MISSED.half : missedTable(part);
}

function missedTable(part: number): Float64Array {
  return Float64Array.from({ length: MOST_MISSED }, (_, selections) => (1 - part) ** selections);
}
