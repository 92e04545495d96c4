import fc from "fast-check";
import type { ReplicaChooser } from "../src/core/dispatch/replica-chooser.ts";
import type { ReplicaMap } from "../src/model/replica-map.ts";
import type { TokenBatch } from "../src/core/dispatch/token-batch.ts";
import { evenShares } from "../src/core/shares/even-shares.ts";
import { solveShares } from "../src/core/shares/solve-shares.ts";
import { Rng } from "../src/lib/rng.ts";
import { indexReplicas } from "../src/model/placement.ts";
import { type Topology, gpuCount, slotCount } from "../src/model/topology.ts";
import { randomLoad, randomPlacement } from "./random-placement.ts";

/** MoE layers of every case. */
export const LAYERS = 3;

/** A replica map and a batch for it. */
export const dispatchCase = fc
  .record({
    topology: fc.record({
      nodes: fc.integer({ min: 1, max: 4 }),
      gpusPerNode: fc.integer({ min: 1, max: 4 }),
      slotsPerGpu: fc.integer({ min: 1, max: 6 }),
    }),
    redundancy: fc.integer({ min: 0, max: 100 }),
    tokens: fc.integer({ min: 0, max: 60 }),
    topk: fc.integer({ min: 1, max: 6 }),
    missing: fc.constantFrom(0, 0.1, 1),
    solved: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ topology, redundancy, solved, seed, ...shape }) => {
    const rng = new Rng(seed);
    const experts = Math.max(1, Math.round(slotCount(topology) * (1 - redundancy / 100)));
    return {
      seed,
      map: replicaMap(rng, experts, topology, solved),
      batch: randomBatch(rng, experts, topology, shape),
    };
  });

export function replicaMap(rng: Rng, experts: number, topology: Topology, solved: boolean): ReplicaMap {
  const placement = randomPlacement(rng, LAYERS, experts, topology);
  const replicas = indexReplicas(placement);
  const shares = solved
    ? solveShares(placement, replicas, randomLoad(rng, LAYERS, experts, 2))
    : evenShares(placement, replicas);
  return { placement, replicas, shares };
}

/** Rows in no order, some of them several times; an expert may come twice in a token. */
export function randomBatch(
  rng: Rng,
  experts: number,
  topology: Topology,
  { tokens, topk, missing }: { tokens: number; topk: number; missing: number },
): TokenBatch {
  const rowsHeld = 20;
  const rowStride = LAYERS * topk;
  return {
    tokens,
    sources: Int32Array.from({ length: tokens }, () => rng.below(gpuCount(topology))),
    rows: Int32Array.from({ length: tokens }, () => rng.below(rowsHeld)),
    experts: Int16Array.from({ length: rowsHeld * rowStride }, () =>
      rng.uniform() < missing ? -1 : rng.below(experts),
    ),
    rowStride,
    topk,
  };
}

/** The expert of a selection, numbered as the slots are. */
export function selection(batch: TokenBatch, layer: number, o: number): number {
  const token = Math.floor(o / batch.topk);
  return batch.experts[batch.rows[token] * batch.rowStride + layer * batch.topk + (o % batch.topk)];
}

/** What a chooser writes for a layer; -99 where it writes nothing. */
export function chosenSlots(chooser: ReplicaChooser, layer: number, batch: TokenBatch): Int32Array {
  const slots = new Int32Array(batch.tokens * batch.topk).fill(-99);
  chooser.choose(layer, layer * batch.topk, batch, slots);
  return slots;
}
