import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount } from "../../model/topology.ts";
import { eplb } from "../placement/eplb.ts";
import { runsEplb } from "../placement/even/place-even.ts";
import { layerMaxima } from "./consumers/best-layers.ts";
import { type Consumer, type ToImprove } from "./consumers/consumer.ts";
import { consumerOf } from "./consumers/consumers.ts";

/** What an engine would have by its own algorithm (EPLB, placed anew for the load) and its own way to split tokens. */
export interface EngineOwn {
  readonly placement: Placement;
  /** Σ_layers mean / Σ_layers maximum GPU load. */
  readonly balancedness: number;
}

/** Null where the engine's own algorithm cannot run: it fills every slot of GPUs that are alike. */
export function engineOwn(
  { load, topology, capacity, groups }: Omit<ToImprove, "placement">,
  consumer: Consumer,
): EngineOwn | null {
  if (!runsEplb(topology, capacity) || load.experts % groups !== 0) return null;
  const placement = eplb(load, topology, groups);
  // A table with one replica for every rank takes the place of the one that the engine fills so itself.
  const oneReplica = consumer.dispatch === "static" || consumer.dispatch === "rank-table";
  const own = consumerOf(oneReplica ? "static" : "even");
  return { placement, balancedness: balancednessOf(own, placement, load, capacity.speeds) };
}

/** By how much balancedness a placement is less level than the engine's own; negative where it is more level. */
export function shortOf(
  own: EngineOwn,
  consumer: Consumer,
  placement: Placement,
  { load, capacity }: Pick<ToImprove, "load" | "capacity">,
): number {
  return own.balancedness - balancednessOf(consumer, placement, load, capacity.speeds);
}

function balancednessOf(
  consumer: Consumer,
  placement: Placement,
  load: ExpertLoad,
  speeds: Float64Array,
): number {
  const mean = load.tokens.reduce((sum, n) => sum + n, 0) / gpuCount(placement.topology);
  const maxima = layerMaxima(consumer, placement, load, speeds).reduce((sum, max) => sum + max, 0);
  return maxima === 0 ? 1 : mean / maxima;
}
