import { type Placement, type ReplicaIndex, indexReplicas } from "../../model/placement.ts";
import { slotCount } from "../../model/topology.ts";
import { compose } from "./compose.ts";
import { dot } from "../../lib/vectors.ts";

/** Rounds of naming nodes and finding homes anew; few find anything after the fifth. */
const ROUNDS = 12;
/** Layers that homes are first taken from, in turn; the best outcome counts. */
const STARTS = 6;
/** Rounding is not a gain. */
const LEAST_GAIN = 1e-9;
/** Requests that stand for a node's worth of tokens when homes are found. */
const REQUESTS_PER_NODE = 32;

/**
 * The same placement with the nodes of every layer named so that each kind of request finds its experts on the same
 * node in as many layers as possible. Balance, and hops from random sources, stay as they are; but requests that start
 * where their experts are then find them there in layer after layer. All GPUs have to be alike.
 *
 * In turn, kinds get homes (nodes that take equally many tokens, each where it finds an expert in most layers) and
 * the nodes of each layer get the names under which most tokens find an expert at home: like k-means, never worse
 * from round to round.
 *
 * @param predictions of each kind, `[layers][experts]`: expected selections per token (ExpertSketch.predict)
 * @param weights     `[kinds]`: the part of the tokens that each kind has; sum to 1
 */
export function alignNodes(
  placement: Placement,
  predictions: readonly Float64Array[],
  weights: readonly number[],
): Placement {
  const { layers, topology } = placement;
  const { nodes } = topology;
  const replicas = indexReplicas(placement);
  const visits = Array.from({ length: layers }, (_, layer) =>
    visitsOf(placement, replicas, layer, predictions),
  );
  let best: readonly Int32Array[] = [];
  let most = Number.NEGATIVE_INFINITY;
  for (let start = 0; start < Math.min(STARTS, layers); start++) {
    const namesOf = visits.map(() => Int32Array.from({ length: nodes }, (_, node) => node));
    let homes = homesOf(visits[start], nodes, weights);
    for (let round = 0, changed = true; changed && round < ROUNDS; round++) {
      changed = false;
      for (const [layer, names] of namesOf.entries()) {
        if (rename(visits[layer], homes, names)) changed = true;
      }
      homes = homesOf(summed(visits, namesOf), nodes, weights);
    }
    const found = dot(homes, summed(visits, namesOf));
    if (found > most) [most, best] = [found, namesOf];
  }
  return renamed(placement, best);
}

/** `[kinds][nodes]`: the part of the kind's tokens that find an expert on the node. */
function visitsOf(
  placement: Placement,
  { offsets, slots }: ReplicaIndex,
  layer: number,
  predictions: readonly Float64Array[],
): Float64Array {
  const { experts, topology } = placement;
  const { nodes, gpusPerNode, slotsPerGpu } = topology;
  const visits = new Float64Array(predictions.length * nodes);
  for (const [kind, prediction] of predictions.entries()) {
    for (let expert = 0; expert < experts; expert++) {
      const row = layer * experts + expert;
      let last = -1;
      for (let i = offsets[row]; i < offsets[row + 1]; i++) {
        const node = Math.floor(slots[i] / (gpusPerNode * slotsPerGpu));
        if (node !== last) visits[kind * nodes + node] += prediction[row];
        last = node;
      }
    }
  }
  return visits.map((selections) => 1 - Math.exp(-selections));
}

/** `[kinds][names]`: layers in which a token finds an expert. */
function summed(visits: readonly Float64Array[], namesOf: readonly Int32Array[]): Float64Array {
  const sum = new Float64Array(visits[0].length);
  for (const [layer, names] of namesOf.entries()) {
    const nodes = names.length;
    for (let i = 0; i < sum.length; i++) sum[i - (i % nodes) + names[i % nodes]] += visits[layer][i];
  }
  return sum;
}

/** `[kinds][nodes]`: requests of each kind with their home there, every node having as many. */
function homesOf(visits: Float64Array, nodes: number, weights: readonly number[]): Float64Array {
  const kind = Int32Array.from(
    weights.flatMap((weight, k) =>
      Array.from({ length: Math.round(weight * nodes * REQUESTS_PER_NODE) }, () => k),
    ),
  );
  const requests = {
    count: kind.length,
    work: new Float64Array(kind.length).fill(1),
    kvTokens: new Float64Array(kind.length),
    kind,
  };
  const kinds = {
    count: weights.length,
    gpusPerNode: 1,
    nodeHops: visits.map((visit) => -visit),
    rankHops: new Float64Array(visits.length),
    likeness: new Float64Array(weights.length),
  };
  const idle = {
    work: new Float64Array(nodes),
    microWork: new Float64Array(nodes * 2),
    kvTokens: new Float64Array(nodes),
    kvCapacityTokens: new Float64Array(nodes),
    places: new Int32Array(nodes).fill(kind.length),
  };
  const homes = new Float64Array(visits.length);
  const { rankOf } = compose("decode", requests, kinds, idle);
  for (const [request, node] of rankOf.entries()) homes[kind[request] * nodes + node]++;
  return homes;
}

/** Exchanges the names of two nodes as long as more then find experts at home. @returns whether any was exchanged */
function rename(visits: Float64Array, homes: Float64Array, names: Int32Array): boolean {
  const nodes = names.length;
  const atHome = (node: number, name: number) => {
    let total = 0;
    for (let row = 0; row < visits.length; row += nodes) total += visits[row + node] * homes[row + name];
    return total;
  };
  let changed = false;
  for (let better = true; better; ) {
    better = false;
    for (let a = 0; a < nodes; a++) {
      for (let b = a + 1; b < nodes; b++) {
        const [x, y] = [names[a], names[b]];
        const gain = atHome(a, y) + atHome(b, x) - atHome(a, x) - atHome(b, y);
        if (gain <= LEAST_GAIN) continue;
        names[a] = y;
        names[b] = x;
        better = true;
        changed = true;
      }
    }
  }
  return changed;
}

function renamed(placement: Placement, namesOf: readonly Int32Array[]): Placement {
  const { topology } = placement;
  const width = slotCount(topology);
  const slotsPerNode = topology.gpusPerNode * topology.slotsPerGpu;
  const physicalToLogical = new Int32Array(placement.physicalToLogical.length);
  for (const [layer, names] of namesOf.entries()) {
    for (const [node, name] of names.entries()) {
      const from = layer * width + node * slotsPerNode;
      const to = layer * width + name * slotsPerNode;
      for (let i = 0; i < slotsPerNode; i++) {
        physicalToLogical[to + i] = placement.physicalToLogical[from + i];
      }
    }
  }
  return { ...placement, physicalToLogical };
}
