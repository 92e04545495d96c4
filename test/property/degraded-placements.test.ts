import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { expectedNodeHops } from "../../src/core/placement/node-hops.ts";
import { BALANCE_POLICIES } from "../../src/core/planning/balance-policy.ts";
import { Balancer } from "../../src/core/planning/balancer.ts";
import { balancednessOver } from "../../src/core/shares/balancedness-over.ts";
import { balancedness, gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { type Placement, gpusInService, indexReplicas, placementFault } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { LAYERS, chosenSlots, dispatchCase, selection } from "../random-dispatch.ts";
import { randomLoad } from "../random-placement.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { smallRandomLoad } from "../small-planner.ts";
import { runs } from "../runs.ts";

/** What is left of a placement when GPUs are lost, each with one chance in three. */
const degraded = dispatchCase.map(({ map: { placement }, batch, seed }) => {
  const { topology, experts } = placement;
  const rng = new Rng(seed + 1);
  const lost = Array.from({ length: gpuCount(topology) }, () => rng.below(3) === 0);
  const left: Placement = { ...placement, physicalToLogical: without(placement, (gpu) => lost[gpu]) };
  const replicas = indexReplicas(left);
  const load = randomLoad(rng, LAYERS, experts, 2);
  const served = load.tokens.map((n, i) => (replicas.offsets[i] < replicas.offsets[i + 1] ? n : 0));
  return { left, replicas, load, servedLoad: { ...load, tokens: served }, batch, seed };
});

function without({ topology, physicalToLogical }: Placement, lost: (gpu: number) => boolean): Int32Array {
  const width = slotCount(topology);
  return Int32Array.from({ length: physicalToLogical.length }, (_, i) =>
    lost(gpuOfSlot(topology, i % width)) ? -1 : physicalToLogical[i],
  );
}

describe("experts without a replica", () => {
  it("weigh nothing: shares, prices and predictions are those of the load that is served", () => {
    fc.assert(
      fc.property(degraded, ({ left, replicas, load, servedLoad }) => {
        const solved = solveShares(left, replicas, load);
        expect(solved).toEqual(solveShares(left, replicas, servedLoad));
        const gpus = gpuCount(left.topology);
        const loads = gpuLoads(left, solved.values, load);
        for (let layer = 0; layer < LAYERS; layer++) {
          const of = (values: Float64Array, width: number) =>
            values.subarray(layer * width, (layer + 1) * width);
          const total = of(servedLoad.tokens, left.experts).reduce((sum, n) => sum + n, 0);
          const carried = of(loads, gpus);
          expect(carried.reduce((sum, n) => sum + n, 0)).toBeCloseTo(total, 6);
          expect(Math.max(...carried)).toBeCloseTo(solved.optimum[layer], 6);
          // The prices prove it: no split of what is served has a smaller maximum.
          const priced = carried.reduce((sum, n, gpu) => sum + n * solved.prices[layer * gpus + gpu], 0);
          expect(priced).toBeCloseTo(solved.optimum[layer], 6);
        }
        const serving = gpusInService(left).length;
        const balance = balancedness(loads, gpus, serving);
        expect(balance).toBeLessThan(1 + 1e-9);
        expect(balancednessOver(left, replicas, [load])).toBeCloseTo(balance, 9);
      }),
      { seed: 61, numRuns: runs(80) },
    );
  });

  it.each(DISPATCH_POLICIES)("are sent nothing by %s, and the others what they are sent", (policy) => {
    fc.assert(
      fc.property(degraded, ({ left, replicas, load, batch, seed }) => {
        const map = { placement: left, replicas, shares: solveShares(left, replicas, load) };
        const chooser = replicaChooser(policy, map, seed);
        const width = slotCount(left.topology);
        for (let layer = 0; layer < LAYERS; layer++) {
          for (const [o, slot] of chosenSlots(chooser, layer, batch).entries()) {
            const expert = selection(batch, layer, o);
            const row = layer * left.experts + expert;
            const isServed = expert >= 0 && replicas.offsets[row] < replicas.offsets[row + 1];
            if (isServed) expect(left.physicalToLogical[layer * width + slot]).toBe(expert);
            else expect(slot).toBe(-1);
          }
        }
      }),
      { seed: 62, numRuns: runs(30) },
    );
  });

  it("make no node hops", () => {
    fc.assert(
      fc.property(degraded, ({ left, replicas, batch: { experts, topk } }) => {
        const sample = { tokens: experts.length / (LAYERS * topk), layers: LAYERS, topk, experts };
        const served = experts.map((expert, i) => {
          const row = (Math.floor(i / topk) % LAYERS) * left.experts + expert;
          return expert >= 0 && replicas.offsets[row] < replicas.offsets[row + 1] ? expert : -1;
        });
        const hops = expectedNodeHops(left, replicas, sample);
        expect(hops).toBe(expectedNodeHops(left, replicas, { ...sample, experts: served }));
      }),
      { seed: 63, numRuns: runs(40) },
    );
  });
});

/** Three nodes, so that GPUs and nodes can be lost. */
const TOPOLOGY = { ...SMALL_TOPOLOGY, nodes: 3 };
const gpusOf = (most: number) =>
  fc.uniqueArray(fc.integer({ min: 0, max: gpuCount(TOPOLOGY) - 1 }), { maxLength: most });

function balancer(seed: number): Balancer {
  const cadence = { sharesMs: 100, placementMs: 1000 };
  const made = new Balancer(SMALL_MODEL, TOPOLOGY, BALANCE_POLICIES.plimsoll, cadence, 0);
  made.observe(smallRandomLoad(seed), 1000);
  const first = made.decide(1000);
  if (first?.kind === "placement") made.accept(first.plan);
  return made;
}

function copiesOn(placement: Placement, gpus: readonly number[]): number {
  const kept = without(placement, (gpu) => !gpus.includes(gpu));
  return kept.filter((expert) => expert >= 0).length;
}

describe("a pool that loses GPUs", () => {
  it("serves what is left at once, and its repair moves nothing but what is missing", () => {
    fc.assert(
      fc.property(fc.nat(1e6), gpusOf(4), gpusOf(2), (seed, lost, drained) => {
        const made = balancer(seed);
        const before = made.current.placement;
        const capacity = fullCapacity(TOPOLOGY);
        for (const gpu of [...lost, ...drained]) capacity.slots[gpu] = 0;
        const { plan, repair } = made.survive(lost, capacity);
        const left = without(before, (gpu) => lost.includes(gpu));
        expect(plan.placement.physicalToLogical).toEqual(left);
        expect(plan.replicas).toEqual(indexReplicas(plan.placement));
        if (placementFault(plan.placement) === null) expect(repair).toBeNull();
        if (repair === null) return;
        expect(copiesOn(repair.placement, lost)).toBe(0);
        const width = slotCount(TOPOLOGY);
        const had = indexReplicas(plan.placement).offsets;
        const has = indexReplicas(repair.placement).offsets;
        for (let layer = 0; layer < before.layers; layer++) {
          let placed = 0;
          let room = false;
          for (let e = 0; e < before.experts; e++) {
            const row = layer * before.experts + e;
            const copies = has[row + 1] - has[row];
            // None is lost for another's sake.
            if (had[row + 1] > had[row]) expect(copies).toBeGreaterThan(0);
            else placed += copies;
          }
          let changed = 0;
          for (let i = layer * width; i < (layer + 1) * width; i++) {
            const expert = repair.placement.physicalToLogical[i];
            if (expert !== left[i]) changed++;
            const usable = capacity.slots[gpuOfSlot(TOPOLOGY, i % width)] > 0;
            if (usable && expert < 0) room = true;
          }
          expect(changed).toBe(placed);
          const all = Array.from({ length: before.experts }, (_, e) => layer * before.experts + e);
          if (room) expect(all.every((row) => has[row + 1] > has[row])).toBe(true);
        }
      }),
      { seed: 64, numRuns: runs(20) },
    );
  });

  it("is placed anew on the others before its time, whole where they have room", () => {
    fc.assert(
      fc.property(fc.nat(1e6), gpusOf(5), (seed, drained) => {
        const made = balancer(seed);
        const capacity = fullCapacity(TOPOLOGY);
        for (const gpu of drained) capacity.slots[gpu] = 0;
        const decision = made.decide(1050, capacity);
        if (drained.length === 0) {
          expect(decision).toBeNull();
          return;
        }
        expect(decision).toMatchObject({ kind: "placement", explanation: { verdict: "must" } });
        expect(decision?.reason).toMatch(/^ranks? [\d, ]+ (?:is|are) out of service: re-placed/);
        const { placement } = decision?.plan ?? made.current;
        expect(placementFault(placement)).toBeNull();
        // Four GPUs have 40 slots for 32 experts; what one or two cannot hold stays where it is.
        const enough = (gpuCount(TOPOLOGY) - drained.length) * TOPOLOGY.slotsPerGpu >= SMALL_MODEL.experts;
        expect(copiesOn(placement, drained) === 0).toBe(enough);
        if (decision !== null) made.accept(decision.plan);
        expect(made.replan(capacity).kind === "placement" && !enough).toBe(false);
        // Back in service, all of them are used again.
        const back = made.decide(1060, fullCapacity(TOPOLOGY));
        expect(back?.kind).toBe("placement");
        expect(gpusInService(back?.plan.placement ?? placement)).toHaveLength(gpuCount(TOPOLOGY));
      }),
      { seed: 65, numRuns: runs(15) },
    );
  });
});
