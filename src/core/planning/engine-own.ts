import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import { gpuCount } from "../../model/topology.ts";
import { eplb } from "../placement/eplb.ts";
import { runsEplb } from "../placement/even/place-even.ts";
import { layerMaxima } from "./consumers/best-layers.ts";
import { type Consumer, type ToImprove } from "./consumers/consumer.ts";
import { consumerOf } from "./consumers/consumers.ts";

/** Below the engine's own algorithm by so much balancedness, few moves are still the better bargain. */
const FEW_MOVES_MAY_LOSE = 0.005;

/** What an engine would have by its own algorithm (EPLB, placed anew for the load) and its own way to split tokens. */
export interface EngineOwn {
  readonly placement: Placement;
  /** Σ_layers of the maximum GPU load. */
  readonly maxima: number;
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
  return { placement, maxima: sumOf(own, placement, load, capacity.speeds) };
}

/** Whether a placement is as level as the engine's own would be, or so nearly that its fewer moves are worth more. */
export function asLevelAs(
  own: EngineOwn,
  consumer: Consumer,
  placement: Placement,
  load: ExpertLoad,
  speeds: Float64Array,
): boolean {
  const mean = load.tokens.reduce((sum, n) => sum + n, 0) / gpuCount(placement.topology);
  const balancedness = mean / sumOf(consumer, placement, load, speeds);
  return balancedness >= mean / own.maxima - FEW_MOVES_MAY_LOSE;
}

function sumOf(consumer: Consumer, placement: Placement, load: ExpertLoad, speeds: Float64Array): number {
  return layerMaxima(consumer, placement, load, speeds).reduce((sum, max) => sum + max, 0);
}
