import { GCProfiler } from "node:v8";
import { expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { Dispatcher } from "../../src/core/dispatch/dispatcher.ts";
import type { ReplicaChooser } from "../../src/core/dispatch/replica-chooser.ts";
import type { TokenBatch } from "../../src/core/dispatch/token-batch.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { LAYERS, randomBatch, replicaMap } from "../random-dispatch.ts";
import { youngBytes } from "../young-bytes.ts";

const BATCHES = 200;
/** Until the compiler is done with what is measured, it allocates too. */
const MOST_ROUNDS = 40;
/** A boxed number, the least there is; the measurement's own objects come to 9. */
const BYTES_PER_BATCH = 16;

const topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
const map = replicaMap(new Rng(1), 256, topology, true);
const large = randomBatch(new Rng(2), 256, topology, { tokens: 256, topk: 8, missing: 0.05 });
const small = { ...large, tokens: 100 };

/** Heap bytes per batch, all layers checked, chosen, counted and laid out; null where a collection hid them. */
function heapPerBatch(dispatcher: Dispatcher, batches: readonly TokenBatch[]): number | null {
  const collections = new GCProfiler();
  collections.start();
  const before = youngBytes();
  for (let i = 0; i < BATCHES; i++) {
    const batch = batches[i % batches.length];
    for (let layer = 0; layer < LAYERS; layer++) {
      dispatcher.choose(layer, layer * batch.topk, batch);
      dispatcher.tally();
      dispatcher.layout();
    }
  }
  const used = youngBytes() - before;
  return collections.stop().statistics.length > 0 ? null : used / BATCHES;
}

/** The least over the rounds: what is allocated in every one of them. */
function leastHeapPerBatch(chooser: ReplicaChooser): number {
  const dispatcher = new Dispatcher(map.placement, chooser);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MOST_ROUNDS && least >= BYTES_PER_BATCH; round++) {
    least = Math.min(least, heapPerBatch(dispatcher, [large, small]) ?? Number.POSITIVE_INFINITY);
  }
  return least;
}

it.each(DISPATCH_POLICIES)("%s, the tally and the layout allocate nothing per batch once warm", (policy) => {
  expect(leastHeapPerBatch(replicaChooser(policy, map, 1))).toBeLessThan(BYTES_PER_BATCH);
});

it("does not miss an array that a chooser makes for a batch", () => {
  const inner = replicaChooser("even", map, 1);
  let last: readonly number[] = [];
  const wasteful: ReplicaChooser = {
    choose: (layer, column, batch, slots) => {
      if (layer === 0) last = [last.length];
      inner.choose(layer, column, batch, slots);
    },
  };
  expect(leastHeapPerBatch(wasteful)).toBeGreaterThan(BYTES_PER_BATCH);
});
