import { weightBytes } from "../../core/cost/memory.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { balancedness, gpuLoads } from "../../core/shares/gpu-loads.ts";
import { gpusInService } from "../../model/placement.ts";
import { type Topology, gpuCount, slotCount } from "../../model/topology.ts";
import { type Placing, placedAnew, sharedAnew } from "../right-sizing/placed-anew.ts";

/** What a pool's experts come to with so many slots. */
export interface SlotsPoint {
  readonly slotsPerGpu: number;
  /** Slots of a layer beyond one for each expert. */
  readonly redundant: number;
  /** Σ mean / Σ maximum GPU load over layers. */
  readonly balancedness: number;
  /** How many times as long as with all GPUs level the experts of a step take. */
  readonly stepFactor: number;
  /** Of the fullest GPU, the load of all layers over that of the mean GPU. */
  readonly fullestGpu: number;
  /** Tokens that full steps forward, in parts of those with what is in force; null where the GPUs' times are not known. */
  readonly throughput: number | null;
}

/** A pool of which it is asked what other slots would come to. */
export interface SlotsAsked extends Placing {
  readonly topology: Topology;
  /** In force. */
  readonly begins: Plan;
  /** Whether tokens are split for each batch, whatever the shares in force. */
  readonly splitsBatches: boolean;
  /** Whether so many slots fit in a GPU's memory; what is not known fits. */
  readonly fits: (slotsPerGpu: number) => boolean;
  /** Time of a token by a plan, in any unit; null where it is not known. */
  readonly costOf: ((plan: Plan) => number) | null;
}

/** What is found so far. */
export interface SlotsFound {
  /** With what is in force. */
  now: SlotsPoint | null;
  /** Experts placed anew for the load as it is, by slots. */
  readonly points: SlotsPoint[];
}

/** Slots of a GPU that are tried, in this order: what matters most comes first. */
const CHANGES = [0, 1, -1, 2, -2, 3, 4];

/** Fewer and more slots on each GPU, as far as they hold all experts and fit. Yields before each; what is found so far counts. */
export function* slotsWhatIf(asked: SlotsAsked, found: SlotsFound): Generator<number, void> {
  const { model, load, topology, begins, splitsBatches, consumer } = asked;
  const inForce = splitsBatches ? sharedAnew({ load, consumer }, begins.placement) : begins;
  const cost = asked.costOf?.(inForce) ?? null;
  found.now = pointOf(asked, inForce, cost);
  const least = Math.ceil(model.experts / gpuCount(topology));
  const all = CHANGES.map((change) => topology.slotsPerGpu + change);
  const tried = all.filter((slots) => slots >= least && slots <= model.experts && asked.fits(slots));
  for (const [i, slotsPerGpu] of tried.entries()) {
    yield i / tried.length;
    const plan = placedAnew(asked, { ...topology, slotsPerGpu }, null);
    found.points.push(pointOf(asked, plan, cost));
    found.points.sort((a, b) => a.slotsPerGpu - b.slotsPerGpu);
  }
}

/** Bytes of weights that a slot takes of a GPU, of all layers. */
export function slotBytes({ model }: Pick<Placing, "model">): number {
  return weightBytes(model).perSlot;
}

/** @param inForce cost of what is in force */
function pointOf(asked: SlotsAsked, plan: Plan, inForce: number | null): SlotsPoint {
  const { model, load, costOf } = asked;
  const { topology } = plan.placement;
  const gpus = gpuCount(topology);
  const loads = gpuLoads(plan.placement, plan.shares.values, load);
  const serving = gpusInService(plan.placement).length;
  const level = balancedness(loads, gpus, serving);
  return {
    slotsPerGpu: topology.slotsPerGpu,
    redundant: slotCount(topology) - model.experts,
    balancedness: level,
    stepFactor: 1 / level,
    fullestGpu: fullestOf(loads, gpus, serving),
    throughput: costOf === null || inForce === null ? null : inForce / costOf(plan),
  };
}

/** @param serving GPUs in service, over which the mean is taken */
function fullestOf(loads: Float64Array, gpus: number, serving: number): number {
  const sums = new Float64Array(gpus);
  for (const [i, load] of loads.entries()) sums[i % gpus] += load;
  const mean = sums.reduce((sum, load) => sum + load, 0) / serving;
  return mean === 0 ? 1 : sums.reduce((most, sum) => Math.max(most, sum), 0) / mean;
}
