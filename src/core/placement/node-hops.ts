import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";

/**
 * Node hops per token and layer that a placement needs at least about: the experts on one node only say which nodes a
 * token visits; each other expert joins one of them where it can, else adds the first of its own. The source's
 * node is free and as likely to be any node.
 */
export function expectedNodeHops(placement: Placement, replicas: ReplicaIndex, sample: RoutingTrace): number {
  const { layers, topology } = placement;
  const visits = nodeVisits(placement, replicas, sample).reduce((a, b) => a + b, 0);
  return sample.tokens === 0 ? 0 : (visits / (sample.tokens * layers)) * (1 - 1 / topology.nodes);
}

/** `[layers]`: the same, layer by layer. */
export function layerNodeHops(
  placement: Placement,
  replicas: ReplicaIndex,
  sample: RoutingTrace,
): Float64Array {
  const part = (1 - 1 / placement.topology.nodes) / Math.max(1, sample.tokens);
  return nodeVisits(placement, replicas, sample).map((visits) => visits * part);
}

/** `[layers]`: nodes that the tokens of a sample visit, one after the other. */
function nodeVisits(placement: Placement, replicas: ReplicaIndex, sample: RoutingTrace): Float64Array {
  const { layers, experts, topology } = placement;
  const { offsets, slots } = replicas;
  const slotsPerNode = topology.slotsPerGpu * topology.gpusPerNode;
  const visit = new Int32Array(topology.nodes).fill(-1);
  const open = new Int32Array(sample.topk);
  const visits = new Float64Array(layers);
  let serial = 0;
  for (let layer = 0; layer < layers; layer++) {
    for (let token = 0; token < sample.tokens; token++, serial++) {
      const from = (token * sample.layers + (layer % sample.layers)) * sample.topk;
      let opened = 0;
      for (let k = 0; k < sample.topk; k++) {
        const expert = sample.experts[from + k];
        if (expert < 0) continue;
        const first = offsets[layer * experts + expert];
        const last = offsets[layer * experts + expert + 1] - 1;
        // Without a replica it is not served.
        if (last < first) continue;
        const node = Math.floor(slots[first] / slotsPerNode);
        // Slots ascend, so the first and the last tell whether one node holds them all.
        if (Math.floor(slots[last] / slotsPerNode) !== node) open[opened++] = expert;
        else if (visit[node] !== serial) {
          visit[node] = serial;
          visits[layer]++;
        }
      }
      for (let i = 0; i < opened; i++) {
        const first = offsets[layer * experts + open[i]];
        const end = offsets[layer * experts + open[i] + 1];
        let at = first;
        while (at < end && visit[Math.floor(slots[at] / slotsPerNode)] !== serial) at++;
        if (at < end) continue;
        visit[Math.floor(slots[first] / slotsPerNode)] = serial;
        visits[layer]++;
      }
    }
  }
  return visits;
}
