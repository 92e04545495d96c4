import type { Rng } from "../../lib/rng.ts";
import type { Placement, ReplicaIndex } from "../../model/placement.ts";
import type { RankTable } from "../../model/rank-table.ts";
import { gpuCount } from "../../model/topology.ts";

/**
 * The table of SGLang's `--ep-dispatch-algorithm static` (0.5.23, `compute_logical_to_rank_dispatch_physical_map`):
 * the first replica on the source rank, else the first in its node where some are elsewhere; the ranks that are left
 * are dealt out over all replicas, in equal numbers and seeded order. It counts ranks, not tokens.
 */
export function staticTable(placement: Placement, replicas: ReplicaIndex, rng: Rng): RankTable {
  const { layers, experts, topology } = placement;
  const { offsets, slots } = replicas;
  const { slotsPerGpu, gpusPerNode } = topology;
  const ranks = gpuCount(topology);
  const slotsPerNode = slotsPerGpu * gpusPerNode;
  const table = new Int32Array(ranks * layers * experts);
  for (let row = 0; row < layers * experts; row++) {
    const candidates = slots.subarray(offsets[row], offsets[row + 1]);
    if (candidates.length === 0) {
      for (let rank = 0; rank < ranks; rank++) table[rank * layers * experts + row] = -1;
      continue;
    }
    const undecided: number[] = [];
    for (let rank = 0; rank < ranks; rank++) {
      const node = Math.floor(rank / gpusPerNode);
      let near = candidates.find((slot) => Math.floor(slot / slotsPerGpu) === rank);
      if (near === undefined && !candidates.every((slot) => Math.floor(slot / slotsPerNode) === node)) {
        near = candidates.find((slot) => Math.floor(slot / slotsPerNode) === node);
      }
      if (near === undefined) undecided.push(rank);
      else table[rank * layers * experts + row] = near;
    }
    const dealt = equalParts(candidates, undecided.length, rng);
    for (const [i, rank] of undecided.entries()) table[rank * layers * experts + row] = dealt[i];
  }
  return { layers, experts, topology, slots: table };
}

/** Every candidate equally often, as near as `count` allows, in random order. */
function equalParts(candidates: Int32Array, count: number, rng: Rng): Int32Array {
  const order = shuffled(candidates, rng);
  return shuffled(
    Int32Array.from({ length: count }, (_, i) => order[i % order.length]),
    rng,
  );
}

function shuffled(values: Int32Array, rng: Rng): Int32Array {
  const order = values.slice();
  for (let i = order.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const value = order[i];
    order[i] = order[j];
    order[j] = value;
  }
  return order;
}
