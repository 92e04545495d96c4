import type { Hardware } from "../core/cost/hardware.ts";
import type { EngineShape } from "../model/engine-shape.ts";
import type { Gpu } from "../model/gpu.ts";
import type { Topology } from "../model/topology.ts";
import type { Table } from "../twin/calibration/factors.ts";
import type { Parallelism } from "../twin/calibration/serving-point.ts";

/** A type of GPU that may be planned with. */
export interface PlanGpu {
  readonly gpu: Gpu;
  /** What the constants of serving points come to. */
  readonly table: Table;
  /** What the twin runs it as, for the model that is planned. */
  readonly hardware: Hardware;
  /** Whether two micro-batches overlap there. */
  readonly overlaps: boolean;
  /** Dollars of a GPU for an hour; null where nobody said. */
  readonly price: number | null;
}

/**
 * A unit of a plan: one engine that does both, or a pool for prompts beside one for answers. A plan has so many alike,
 * each with its part of the requests.
 */
export interface Layout {
  readonly type: PlanGpu;
  /** Of prompts; null where the same GPUs do both. */
  readonly prefill: Parallelism | null;
  readonly decode: Parallelism;
  /** Slots of each expert unit beyond those that hold every expert once. */
  readonly redundantSlots: number;
  /** Tokens that a rank forwards in a step at most. */
  readonly stepTokens: number;
}

const NODE_GPUS = 8;

/** GPUs of a pool that are within NVLink of each other: all, those of a domain of many, or of a node. */
export function nodeGpus(gpus: number, { scaleUp }: Gpu): number {
  if (gpus <= scaleUp.gpus) return gpus;
  return gpus % scaleUp.gpus === 0 ? scaleUp.gpus : NODE_GPUS;
}

/** GPUs of one pool. */
export function gpusOf({ tp, dp }: Parallelism): number {
  return tp * dp;
}

/** GPUs of a unit. */
export function unitGpus({ prefill, decode }: Layout): number {
  return gpusOf(decode) + (prefill === null ? 0 : gpusOf(prefill));
}

/** How its ranks share the model. */
export function engineShape({ tp, moeTp }: Parallelism): EngineShape {
  return { attentionTp: tp, moeTp };
}

/** The places for experts of one of its pools (`EngineShape`). */
function expertUnits(
  { ep, tp, dp }: Parallelism,
  experts: number,
  redundantSlots: number,
  gpu: Gpu,
): Topology {
  const slotsPerGpu = Math.min(experts, Math.ceil(experts / ep) + redundantSlots);
  const nodes = (tp * dp) / nodeGpus(tp * dp, gpu);
  return { nodes, gpusPerNode: ep / nodes, slotsPerGpu };
}

/** The places for experts of one of a unit's pools. */
export function unitTopology(
  { type, redundantSlots }: Pick<Layout, "type" | "redundantSlots">,
  shape: Parallelism,
  experts: number,
): Topology {
  return expertUnits(shape, experts, redundantSlots, type.gpu);
}

/** Replicas of a layer's experts beyond one each, where they are decoded: of redundant slots, and of those that even GPUs out. */
export function redundantExperts({ decode, redundantSlots }: Layout, experts: number): number {
  const slots = Math.min(experts, Math.ceil(experts / decode.ep) + redundantSlots);
  return slots * decode.ep - experts;
}

/** `TP2 x DP4, experts over 8`. */
export function sayShape({ tp, dp, ep, moeTp }: Parallelism): string {
  const attention = dp === 1 ? `TP${tp}` : tp === 1 ? `DP${dp}` : `TP${tp} x DP${dp}`;
  return ep === 1 ? attention : `${attention}, EP${ep}${moeTp > 1 ? ` x TP${moeTp}` : ""}`;
}

/** One line for people: GPUs, pools, redundant slots and steps. */
export function sayLayout({ type, prefill, decode, redundantSlots, stepTokens }: Layout): string {
  const pools =
    prefill === null ? sayShape(decode) : `prefill ${sayShape(prefill)} beside decode ${sayShape(decode)}`;
  const redundant =
    redundantSlots === 0 ? "" : `, ${redundantSlots} redundant slot${redundantSlots === 1 ? "" : "s"} a GPU`;
  return `${type.gpu.name} ${pools}${redundant}, steps of ${stepTokens} tokens`;
}
