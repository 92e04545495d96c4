import { keepSlots } from "../../core/migration/moves.ts";
import { consumerOf } from "../../core/planning/consumers/consumers.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { solvePlacement } from "../../core/planning/solve-placement.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type Placement, indexReplicas } from "../../model/placement.ts";
import { fullCapacity } from "../../model/pool-capacity.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";

/** What experts are placed for. */
export interface Placing {
  readonly model: MoeModel;
  readonly load: ExpertLoad;
  /** How the engine dispatches that gets it. */
  readonly consumer: ConsumerDispatch;
}

/** A placement from scratch, as a pool's leader makes it. @param previous which replicas stay beside as far as may be; null for any */
export function placedAnew(
  { model, load, consumer }: Placing,
  topology: Topology,
  previous: Placement | null,
): Plan {
  const { placement } = solvePlacement({
    load,
    topology,
    capacity: fullCapacity(topology),
    groups: 1,
    algorithm: "plimsoll",
    dispatch: consumer,
    activation: null,
    routing: null,
    previous: null,
    maxMoves: null,
    model,
  });
  return sharedAnew({ load, consumer }, previous === null ? placement : keepSlots(previous, placement));
}

/** The same replicas, their tokens split for that load. */
export function sharedAnew({ load, consumer }: Omit<Placing, "model">, placement: Placement): Plan {
  const replicas = indexReplicas(placement);
  const speeds = new Float64Array(gpuCount(placement.topology)).fill(1);
  const split = { placement, replicas, load, speeds, last: null };
  return { placement, replicas, shares: consumerOf(consumer).split(split) };
}
