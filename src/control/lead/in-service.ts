import { type PoolCapacity, fullCapacity, outOfService } from "../../model/pool-capacity.ts";
import type { Topology } from "../../model/topology.ts";
import type { OperatorState } from "../messages/operator-state.ts";

/** What may be placed where: nothing on ranks that are lost or to be drained. */
export function capacityInService(topology: Topology, { lost, drained }: OperatorState): PoolCapacity {
  return outOfService(fullCapacity(topology), [...lost.map(({ rank }) => rank), ...drained]);
}
