import fc from "fast-check";
import { expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { PairCounter } from "../../src/core/dispatch/pair-counter.ts";
import { TableChooser } from "../../src/core/dispatch/table-chooser.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import type { TokenBatch } from "../../src/core/dispatch/token-batch.ts";
import { rankTable } from "../../src/core/tables/rank-table.ts";
import { sourceSplit } from "../../src/core/tables/source-split.ts";
import { staticTable } from "../../src/core/tables/static-table.ts";
import { Rng } from "../../src/lib/rng.ts";
import { CONSUMER_DISPATCHES } from "../../src/model/consumer-dispatch.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { type ExchangeUnits, exchangeUnits, withinNodes } from "../../src/model/pool-exchange.ts";
import { type Topology, gpuCount, gpuOfSlot, nodeOfGpu, slotCount } from "../../src/model/topology.ts";
import { LAYERS, chosenSlots, dispatchCase } from "../random-dispatch.ts";

const WEIGHT = 3;

/** Token by token. */
function naivePairs(
  topology: Topology,
  { tokens, sources, topk }: TokenBatch,
  slots: Int32Array,
  { by, units }: Pick<ExchangeUnits, "by" | "units"> = exchangeUnits(topology),
) {
  const unitOf = (gpu: number) => (by === "gpu" ? gpu : nodeOfGpu(topology, gpu));
  const selections = Array.from({ length: units * units }, () => 0);
  const pairs = Array.from({ length: units * units }, () => 0);
  let ownGpu = 0;
  for (let token = 0; token < tokens; token++) {
    const source = sources[token];
    const chosen = [...slots.subarray(token * topk, (token + 1) * topk)].filter((slot) => slot >= 0);
    const gpus = chosen.map((slot) => gpuOfSlot(topology, slot));
    ownGpu += WEIGHT * gpus.filter((gpu) => gpu === source).length;
    for (const gpu of gpus) selections[unitOf(source) * units + unitOf(gpu)] += WEIGHT;
    for (const unit of new Set(gpus.map(unitOf))) pairs[unitOf(source) * units + unit] += WEIGHT;
  }
  return { selections, tokens: pairs, ownGpu };
}

/** Σ of the cells that are not on the diagonal. */
function across(matrix: readonly number[]): number {
  const units = Math.sqrt(matrix.length);
  return matrix.reduce((sum, value, i) => sum + (i % (units + 1) === 0 ? 0 : value), 0);
}

it("who sends to whom is what counting token by token gives, and adds up to the tally's hops", () => {
  fc.assert(
    fc.property(dispatchCase, fc.constantFrom(...DISPATCH_POLICIES), ({ map, batch, seed }, policy) => {
      const { topology } = map.placement;
      const chooser = replicaChooser(policy, map, seed);
      const [counter, tallies] = [new PairCounter(topology), new TallyCounter(topology)];
      for (let layer = 0; layer < LAYERS; layer++) {
        const slots = chosenSlots(chooser, layer, batch);
        counter.count(batch, slots, WEIGHT);
        const { selections, tokens, ownGpu } = counter.take();
        const counted = { selections: [...selections], tokens: [...tokens], ownGpu };
        expect(counted).toEqual(naivePairs(topology, batch, slots));
        const tally = tallies.count(batch, slots);
        expect(across(counted.tokens)).toBe(WEIGHT * tally.hops);
        expect(selections.reduce((sum, one) => sum + one, 0)).toBe(WEIGHT * tally.selections);
      }
    }),
    { seed: 11, numRuns: 100 },
  );
});

/** 72 GPUs: told apart by node. */
const LARGE: Topology = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 2 };

it("of more than 64 GPUs, nodes are told apart, and add up to the tally's node hops; GPUs beside them", () => {
  const rng = new Rng(5);
  const [tokens, topk] = [200, 6];
  const batch: TokenBatch = {
    tokens,
    topk,
    sources: Int32Array.from({ length: tokens }, () => rng.below(gpuCount(LARGE))),
    rows: new Int32Array(tokens),
    experts: new Int16Array(topk),
    rowStride: topk,
  };
  const slots = Int32Array.from({ length: tokens * topk }, () => rng.below(slotCount(LARGE) + 1) - 1);
  const counter = new PairCounter(LARGE);
  counter.count(batch, slots, WEIGHT);
  const counted = counter.take();
  const naive = naivePairs(LARGE, batch, slots);
  expect([...counted.selections]).toEqual(naive.selections);
  expect([...counted.tokens]).toEqual(naive.tokens);
  expect(counted.ownGpu).toBe(naive.ownGpu);
  expect(across(naive.tokens)).toBe(WEIGHT * new TallyCounter(LARGE).count(batch, slots).nodeHops);
  const gpus = naivePairs(LARGE, batch, slots, { by: "gpu", units: gpuCount(LARGE) });
  expect([...(counted.gpus?.selections ?? [])]).toEqual(gpus.selections);
  expect([...(counted.gpus?.tokens ?? [])]).toEqual(gpus.tokens);
  expect(counter.take().gpus?.tokens.every((count) => count === 0)).toBe(true);
  const onNode = naive.selections.filter((_, i) => i % 10 === 0).reduce((sum, one) => sum + one, 0);
  expect(withinNodes(exchangeUnits(LARGE), 8, counted.selections)).toBe(onNode);
});

it("what a source rank's counts come to is what its tokens do, looked up one by one", () => {
  fc.assert(
    fc.property(dispatchCase, fc.constantFrom(...CONSUMER_DISPATCHES), ({ map, batch }, dispatch) => {
      const { placement, replicas } = map;
      const { layers, experts, topology } = placement;
      const split = sourceSplit(dispatch, map);
      expect(split === null).toBe(dispatch === "priced");
      if (split === null) return;
      const { units } = exchangeUnits(topology);
      const gpus = gpuCount(topology);
      const counts = Array.from({ length: gpus }, () => new Float64Array(layers * experts));
      const looked = Array.from({ length: gpus }, () => Array.from({ length: units }, () => 0));
      const table =
        dispatch === "static"
          ? staticTable(placement, replicas, new Rng(1))
          : dispatch === "rank-table"
            ? rankTable(map)
            : null;
      // Where the engine deals ranks out, only it knows which.
      const isDealt = (rank: number, row: number) => {
        const found = [...replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1])];
        const own = found.some((slot) => gpuOfSlot(topology, slot) === rank);
        const near = found.filter(
          (slot) => nodeOfGpu(topology, gpuOfSlot(topology, slot)) === nodeOfGpu(topology, rank),
        );
        return dispatch === "static" && !own && (near.length === 0 || near.length === found.length);
      };
      const chooser = table === null ? null : new TableChooser(table);
      for (let layer = 0; layer < layers; layer++) {
        const slots = chooser === null ? null : chosenSlots(chooser, layer, batch);
        for (let token = 0, o = 0; token < batch.tokens; token++) {
          const rank = batch.sources[token];
          for (let k = 0; k < batch.topk; k++, o++) {
            const expert = batch.experts[batch.rows[token] * batch.rowStride + layer * batch.topk + k];
            if (expert < 0) continue;
            const row = layer * experts + expert;
            counts[rank][row]++;
            const [from, to] = [replicas.offsets[row], replicas.offsets[row + 1]];
            const spread = slots === null || isDealt(rank, row);
            for (let i = from; i < to; i++) {
              const slot = replicas.slots[i];
              const share = map.shares.values[layer * slotCount(topology) + slot];
              const part = spread ? (table === null ? share : 1 / (to - from)) : Number(slots[o] === slot);
              looked[rank][exchangeUnits(topology).unitOf[gpuOfSlot(topology, slot)]] += part;
            }
          }
        }
      }
      for (let rank = 0; rank < gpus; rank++) {
        const into = new Float32Array(units);
        const byGpu = new Float32Array(gpus);
        const own = split.add(rank, counts[rank], into, byGpu);
        for (let unit = 0; unit < units; unit++) expect(into[unit]).toBeCloseTo(looked[rank][unit], 3);
        expect(own).toBeCloseTo(looked[rank][rank], 3);
        expect(byGpu).toEqual(into);
      }
    }),
    { seed: 12, numRuns: 100 },
  );
});
