import { type Placement, indexReplicas } from "../src/model/placement.ts";
import type { RoutingSnapshot } from "../src/model/snapshot.ts";
import { gpuCount } from "../src/model/topology.ts";

/** A pool's first snapshot, without prices. @param shares `[layers][slots]` */
export function snapshotOf(placement: Placement, shares: Float64Array, pool = "p"): RoutingSnapshot {
  return {
    pool,
    model: "small",
    epoch: 1,
    change: { kind: "placement", reason: "", atMs: 0, movedSlots: 0, movedBytes: 0 },
    placement,
    replicas: indexReplicas(placement),
    shares: {
      values: shares,
      prices: new Float64Array(placement.layers * gpuCount(placement.topology)),
    },
    missing: [],
  };
}
