import type { ExchangeTable } from "../../core/cost/exchange-table.ts";
import {
  ENGINE_H800,
  H800,
  type Hardware,
  LOW_LATENCY_BATCH,
  LOW_LATENCY_BYTES,
  LOW_LATENCY_TOPK,
} from "../../core/cost/hardware.ts";
import type { FittedEngine } from "../../model/fitted-engine.ts";
import type { Gpu } from "../../model/gpu.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { precisionOf } from "../../model/serving-precision.ts";
import { type EngineSettings, WIDE_EP_ENGINE } from "../engine-settings.ts";
import type { Constants } from "./constants.ts";
import { constantsOf } from "./factors.ts";
import { type FittedConstants, tableOf } from "./fitted-constants.ts";
import { familyOf } from "./serving-point.ts";

/** Of the low-latency exchange; in between its time is interpolated, beyond it stays. */
const RANKS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** With the last number of ranks that are within a domain, and the first that leave it: between them nothing is interpolated. */
function ranksAround(domainGpus: number): readonly number[] {
  return [...new Set([...RANKS, domainGpus, domainGpus + 1])].sort((a, b) => a - b);
}
/** vLLM's `--gpu-memory-utilization`, as in `WorkerTime.room`. */
const MEMORY_PART = 0.9;

/**
 * What a type of GPU reaches in whole engines: its maker's peaks (`config/gpus`) times constants fitted to serving points
 * (`config/calibration/serving.json`, which says how sure each is). None of it is a kernel's by itself: efficiencies
 * have in them what is lost between kernels, and they hold together with `fixed` only.
 */
export function gpuHardware(gpu: Gpu, c: Constants, exchangeTable: ExchangeTable | null = null): Hardware {
  const { bf16, fp8, fp4 } = gpu.flops;
  const { scaleUp, scaleOut } = gpu;
  const exchangeOf = (ranks: number) =>
    (ranks <= scaleUp.gpus ? scaleUp : scaleOut).bandwidth * c.exchangeBandwidth;
  const microseconds = (ranks: number, bytes: number) =>
    (1e6 * LOW_LATENCY_BATCH * LOW_LATENCY_TOPK * bytes * (1 - 1 / ranks)) / exchangeOf(ranks);
  // What a version of an engine takes more or less than the rest says, in all parts of a step alike.
  const pace = 1 / c.tpot;
  const promptPace = 1 / c.interference;
  return {
    name: gpu.name,
    memoryBytes: gpu.memoryBytes,
    memoryPart: MEMORY_PART,
    projectionFlops: fp8 * c.decodeFlops * pace,
    expertFlops: fp8 * c.decodeFlops * pace,
    attentionFlops: bf16 * c.prefillAttention * pace * promptPace,
    formatRates: { bf16: bf16 / fp8, fp4: (fp4 ?? bf16) / fp8 },
    promptRate: (c.prefillFlops / c.decodeFlops) * promptPace,
    overlapNorm: 2,
    weightBandwidth: gpu.memoryBandwidth * c.weights * pace,
    expertReading: c.experts / c.weights,
    kvBandwidth: gpu.memoryBandwidth * c.cache * pace,
    head: { flops: bf16 * c.decodeFlops * pace, bandwidth: gpu.memoryBandwidth * c.weights * pace },
    nvlinkBandwidth: scaleUp.bandwidth * c.exchangeBandwidth,
    rdmaBandwidth: scaleOut.bandwidth * c.exchangeBandwidth,
    domainGpus: scaleUp.gpus,
    reduce: {
      latency: c.reduceLatency / pace,
      bandwidth: scaleUp.bandwidth * c.reduceBandwidth * pace,
      betweenNodes: scaleOut.bandwidth * c.reduceBandwidth * pace,
    },
    lowLatency: ranksAround(scaleUp.gpus).map((ranks) => ({
      ranks,
      dispatchUs: microseconds(ranks, LOW_LATENCY_BYTES.dispatch),
      combineUs: microseconds(ranks, LOW_LATENCY_BYTES.combine),
    })),
    lowLatencyFloorUs: { dispatch: 0, combine: 0 },
    normalFloorUs: { dispatch: 0, combine: 0 },
    exchangeTable,
    exchangeDoublingUs: 1e6 * c.exchangeLatency,
    fixed: {
      step: c.host / pace,
      layer: c.layer / pace,
      promptLayer: c.prefillLayer / pace / promptPace,
      // In the layer's.
      launch: 0,
      promptToken: 0,
    },
    multiprocessors: H800.multiprocessors,
  };
}

/** A type of GPU with the constants that say what it reaches. */
export interface GpuChoice {
  readonly gpu: Gpu;
  readonly constants: FittedConstants;
  /** Exchanges between nodes as measured on such GPUs; null where nobody has. */
  readonly exchanges: ExchangeTable | null;
  /** Whose factors hold; those of no engine are left out where it is null. */
  readonly engine?: FittedEngine | null;
}

/**
 * The GPUs that a pool of the model is simulated on.
 * @param choice null for DeepSeek's own H800, as an engine uses it. What a few percent depend on, how an engine spreads
 * the model over its GPUs, is left out
 */
export function modelledHardware(model: MoeModel, choice: GpuChoice | null): Hardware {
  if (choice === null) return ENGINE_H800;
  const { gpu, constants, exchanges, engine = null } = choice;
  const alone = { count: 1, tp: 1, dp: 1, ep: 1, moeTp: 1 };
  const point = {
    model,
    family: familyOf(model),
    gpu,
    backend: engine ?? "",
    version: "",
    precision: precisionOf(model.precision),
    isl: 1,
    osl: 1,
    lengthRatio: 1,
    concurrency: 1,
    gpus: 1,
    prefill: null,
    decode: alone,
  };
  const table = new Map([...tableOf(constants)].filter(([term]) => !term.includes("/spread/")));
  return gpuHardware(gpu, constantsOf(table, point), exchanges);
}

/** How engines run on them unless somebody says otherwise: DeepSeek's overlaps micro-batches, those that were measured do not. */
export function engineOn(choice: GpuChoice | null): EngineSettings {
  return { ...WIDE_EP_ENGINE, overlaps: choice === null };
}
