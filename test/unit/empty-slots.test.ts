import { describe, expect, it } from "vitest";
import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import { countMoves, keepSlots } from "../../src/core/migration/moves.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import { InputError } from "../../src/lib/errors.ts";
import { Rng } from "../../src/lib/rng.ts";
import { DISPATCH_POLICIES } from "../../src/model/dispatch-policy.ts";
import { indexReplicas, placementFault } from "../../src/model/placement.ts";
import type { PoolCapacity } from "../../src/model/pool-capacity.ts";
import { slotCount } from "../../src/model/topology.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/model/snapshot-bytes.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { LAYERS, chosenSlots, randomBatch, selection } from "../random-dispatch.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";

const TOPOLOGY = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 14 };
/** GPU 1 is out of service, GPU 3 has lost two slots: 40 are left. */
const CAPACITY: PoolCapacity = {
  slots: Int32Array.of(14, 0, 14, 12),
  speeds: Float64Array.of(1, 1, 1, 1),
};
const { experts } = SMALL_MODEL;

function plan(layers: number, seed = 1, capacity = CAPACITY) {
  const rng = new Rng(seed);
  const tokens = Float64Array.from({ length: layers * experts }, () => Math.exp(rng.normal()));
  const load = { layers, experts, tokens };
  const placement = placeExperts({ load, topology: TOPOLOGY, capacity, coactivation: null });
  const replicas = indexReplicas(placement);
  return { placement, replicas, shares: solveShares(placement, replicas, load, capacity.speeds) };
}

/** Slots that may never be used. */
function outOfService(slot: number): boolean {
  const gpu = Math.floor(slot / TOPOLOGY.slotsPerGpu);
  return slot % TOPOLOGY.slotsPerGpu >= CAPACITY.slots[gpu];
}

const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

describe("a placement with empty slots", () => {
  const { placement, replicas, shares } = plan(LAYERS);

  it("leaves empty what is out of service, and that only", () => {
    expect(placementFault(placement)).toBeNull();
    for (const [i, expert] of (placement.physicalToLogical as Int32Array).entries()) {
      expect(expert === -1).toBe(outOfService(i % slotCount(TOPOLOGY)));
    }
  });

  it("has no share on an empty slot, solved or even", () => {
    const even = evenShares(placement, replicas);
    for (const [i, expert] of (placement.physicalToLogical as Int32Array).entries()) {
      if (expert >= 0) expect(even.values[i]).toBeGreaterThan(0);
      else expect([shares.values[i], even.values[i]]).toEqual([0, 0]);
    }
  });

  it.each(DISPATCH_POLICIES)("is dispatched to by %s without its empty slots", (policy) => {
    const batch = randomBatch(new Rng(4), experts, TOPOLOGY, { tokens: 200, topk: 4, missing: 0.1 });
    const chooser = replicaChooser(policy, { placement, replicas, shares }, 0);
    for (let layer = 0; layer < LAYERS; layer++) {
      const slots = chosenSlots(chooser, layer, batch);
      const held = slots.map((slot) =>
        slot < 0 ? slot : placement.physicalToLogical[layer * slotCount(TOPOLOGY) + slot],
      );
      expect(held).toEqual(slots.map((_, o) => selection(batch, layer, o)));
    }
  });

  it("costs as many moves as experts are new to their GPUs; an emptied slot costs none", () => {
    const whole = { slots: new Int32Array(4).fill(14), speeds: CAPACITY.speeds };
    const before = plan(LAYERS, 1, whole).placement;
    const kept = keepSlots(before, placement);
    const [held, holds] = [gpuExperts(before), gpuExperts(kept)];
    const arrived = holds.map((all, gpu) => all.filter((e) => e >= 0 && !held[gpu].includes(e)).length);
    expect(countMoves(SMALL_MODEL, before, kept).slots).toBe(arrived.reduce((a, b) => a + b, 0));
    expect(countMoves(SMALL_MODEL, before, kept).received[1]).toBe(0);
    expect(countMoves(SMALL_MODEL, placement, placement).slots).toBe(0);
    for (const [gpu, all] of holds.entries()) {
      expect(ascending(all)).toEqual(ascending(gpuExperts(placement)[gpu]));
    }
    expect(keepSlots(placement, placement)).toEqual(placement);
  });

  it("is published as it is", () => {
    const change = { kind: "placement" as const, reason: "test", atMs: 0, movedSlots: 0, movedBytes: 0 };
    const snapshot = { pool: "a", model: "small", epoch: 1, change, placement, replicas };
    const bytes = encodeSnapshot({ ...snapshot, shares, missing: [] });
    expect(decodeSnapshot(bytes).placement).toEqual(placement);
  });

  it("is read from its file as it was written; a share of an empty slot is refused", () => {
    const moves = { slots: 0, bytes: null };
    const file = {
      modelName: null,
      placement,
      layers: null,
      shares: shares.values,
      moves,
      certificate: null,
      elapsedMs: 1,
    };
    const encode = (text: string) => new TextEncoder().encode(text);
    expect(readPlacementFile(encode(writePlacementFile(file)), "p.json")).toEqual(file);
    const wrong = shares.values.slice();
    wrong[TOPOLOGY.slotsPerGpu] = 0.5;
    const text = writePlacementFile({ ...file, shares: wrong });
    expect(() => readPlacementFile(encode(text), "p.json")).toThrow(InputError);
    expect(() => readPlacementFile(encode(text), "p.json")).toThrow("is 0.5 for an empty slot; expected 0");
  });

  it("serves in the simulated pool, where GPUs out of service compute nothing", () => {
    const served = plan(SMALL_MOE_LAYERS);
    const routing = new SyntheticRouting(SMALL_MODEL, 3);
    const pool = new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, served);
    for (let id = 0; id < 8; id++) pool.submit({ id, rank: id % 4, inputTokens: 20, outputTokens: 4 });
    let tokens = 0;
    for (let step = pool.step(); step !== null; step = pool.step()) {
      tokens += step.tokens;
      expect(Number.isFinite(step.ms)).toBe(true);
    }
    const { gpuLoad } = pool.takeWindow(1000);
    expect(tokens).toBeGreaterThan(0);
    const perGpu = [0, 1, 2, 3].map((gpu) =>
      gpuLoad.reduce((sum, load, i) => sum + (i % 4 === gpu ? load : 0), 0),
    );
    expect(perGpu[1]).toBe(0);
    for (const gpu of [0, 2, 3]) expect(perGpu[gpu]).toBeGreaterThan(0);
  });
});
