import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Placement } from "../../model/placement.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Topology } from "../../model/topology.ts";
import { evenWhereIdle, idleLayers } from "../load/idle-layers.ts";
import { withLayersOf } from "../migration/chunk-layers.ts";
import { keepGpus } from "../migration/keep-gpus.ts";
import { keepSlots } from "../migration/moves.ts";
import { adaptPlacement } from "../placement/adapt-placement.ts";
import { HOP_WEIGHT, groupsTogether } from "../placement/coactivation.ts";
import { contiguousPlacement } from "../placement/contiguous.ts";
import { eplb } from "../placement/eplb.ts";
import { bringBack } from "../placement/rehome-experts.ts";
import type { BalancePolicy } from "./balance-policy.ts";
import type { Consumer } from "./consumers/consumer.ts";
import { consumerOf } from "./consumers/consumers.ts";

/** The load to place for, its standard deviation where it is a forecast, and how it has varied lately. */
export interface Expected {
  readonly mean: ExpertLoad;
  readonly deviation: Float64Array | null;
  readonly scenarios: readonly ExpertLoad[];
}

/** Makes placements as a policy does: from scratch, or from the one in force. */
export class PlacementProposer {
  readonly #policy: BalancePolicy;
  readonly #consumer: Consumer;
  readonly #topology: Topology;
  readonly #groups: number;

  constructor(model: MoeModel, topology: Topology, policy: BalancePolicy) {
    this.#policy = policy;
    this.#consumer = consumerOf(policy.consumer);
    // A split that follows no load cannot level what is kept on few nodes.
    this.#groups = policy.placement === "eplb" || this.#consumer.follows ? model.groups : 1;
    this.#topology = topology;
  }

  /**
   * @param sample   routed tokens of the recent past; null when none are known
   * @param capacity with slots for every expert at least; only Plimsoll's way knows of GPUs that differ
   */
  anew(
    { mean, deviation, scenarios }: Expected,
    sample: RoutingTrace | null,
    capacity: PoolCapacity,
  ): Placement {
    const topology = this.#topology;
    const load = evenWhereIdle(mean);
    switch (this.#policy.placement) {
      case "contiguous":
        return contiguousPlacement(load.layers, load.experts, topology);
      case "eplb":
        return eplb(load, topology, this.#groups);
      case "plimsoll": {
        const groups = this.#groups;
        const coactivation =
          topology.nodes === 1 || sample === null
            ? groupsTogether(groups, topology)
            : { sample, groups, hopWeight: HOP_WEIGHT };
        return this.#consumer.place({ load, deviation, scenarios, topology, capacity, groups, coactivation });
      }
    }
  }

  /**
   * What could follow the placement in force: one from scratch, and from Plimsoll one adapted by few moves. Where the
   * slots in service are too few for all experts, only what they can hold. A layer without a token keeps what it has.
   */
  propose(
    current: Placement,
    expected: Expected,
    sample: RoutingTrace | null,
    capacity: PoolCapacity,
  ): readonly Placement[] {
    const load = expected.mean;
    const topology = this.#topology;
    const idle = idleLayers(load);
    if (this.#policy.placement !== "plimsoll") {
      const anew = keepSlots(current, this.anew(expected, sample, capacity));
      return [withLayersOf(anew, bringBack(current, load, capacity), idle)];
    }
    const adapted = adaptPlacement(current, load, capacity, (placement, most) =>
      this.#consumer.improve({ placement, load, topology, capacity, groups: this.#groups }, most),
    );
    if (capacity.slots.reduce((sum, slots) => sum + slots, 0) < load.experts) return [adapted];
    const anew = keepSlots(current, keepGpus(current, this.anew(expected, sample, capacity), capacity));
    return [adapted, withLayersOf(anew, adapted, idle)];
  }
}
