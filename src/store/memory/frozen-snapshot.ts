import { float64Copy, int32Copy } from "../../lib/readonly-arrays.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";

/** A copy that shares nothing with the caller; its objects are frozen (a typed array cannot be, its type forbids writing). */
export function frozenSnapshot(snapshot: RoutingSnapshot): RoutingSnapshot {
  const { placement, replicas, shares } = snapshot;
  return Object.freeze({
    ...snapshot,
    change: Object.freeze({ ...snapshot.change }),
    placement: Object.freeze({
      ...placement,
      topology: Object.freeze({ ...placement.topology }),
      physicalToLogical: int32Copy(placement.physicalToLogical),
    }),
    replicas: Object.freeze({ offsets: replicas.offsets.slice(), slots: replicas.slots.slice() }),
    shares: Object.freeze({ values: float64Copy(shares.values), prices: float64Copy(shares.prices) }),
  });
}
