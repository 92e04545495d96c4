import { gpuCount } from "../../model/topology.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { ExpectedHops } from "./expected-hops.ts";
import { likenessOf } from "./likeness.ts";

/** What is expected of each kind of request: those of a kind are expected to use the same experts. */
export interface RequestKinds {
  readonly count: number;
  readonly gpusPerNode: number;
  /** `[kinds][nodes]`: node hops per token and layer from each node. */
  readonly nodeHops: Float64Array;
  /** `[kinds][ranks]`: rank hops per token and layer from each rank, against a rank that serves none of its own. */
  readonly rankHops: Float64Array;
  /** `[kinds]`: kinds that lie close together use the same experts. */
  readonly likeness: Float64Array;
}

/** @param predictions of each kind, `[layers][experts]`: expected selections per token (ExpertSketch.predict) */
export function requestKinds(map: ReplicaMap, predictions: readonly Float64Array[]): RequestKinds {
  const { topology } = map.placement;
  const { nodes, gpusPerNode } = topology;
  const ranks = gpuCount(topology);
  const nodeHops = new Float64Array(predictions.length * nodes);
  const rankHops = new Float64Array(predictions.length * ranks);
  const expected = new ExpectedHops(map);
  for (const [kind, prediction] of predictions.entries()) {
    expected.from(
      prediction,
      nodeHops.subarray(kind * nodes, (kind + 1) * nodes),
      rankHops.subarray(kind * ranks, (kind + 1) * ranks),
    );
  }
  for (let i = 0; i < rankHops.length; i++) rankHops[i] = -rankHops[i];
  return { count: predictions.length, gpusPerNode, nodeHops, rankHops, likeness: likenessOf(predictions) };
}
