import type { MoeModel } from "../../model/moe-model.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { Topology } from "../../model/topology.ts";

/** Whether a snapshot is of this model on these ranks. */
export function fits({ placement }: RoutingSnapshot, model: MoeModel, topology: Topology): boolean {
  const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
  return (
    placement.layers === model.moeLayers.length &&
    placement.experts === model.experts &&
    nodes === topology.nodes &&
    gpusPerNode === topology.gpusPerNode &&
    slotsPerGpu === topology.slotsPerGpu
  );
}
