import type { ReplicaMap } from "../model/replica-map.ts";
import type { PlacementFile } from "../formats/placement-file.ts";
import { indexReplicas } from "../model/placement.ts";
import { gpuCount } from "../model/topology.ts";

/** A placement file carries no prices: no policy reads them. */
export function replicaMap({ placement, shares }: PlacementFile): ReplicaMap {
  const { layers, topology } = placement;
  const prices = new Float64Array(layers * gpuCount(topology));
  return { placement, replicas: indexReplicas(placement), shares: { values: shares, prices } };
}
