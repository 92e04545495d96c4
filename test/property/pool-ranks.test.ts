import fc from "fast-check";
import { expect, test } from "vitest";
import { InvariantViolation, PoolRanks } from "../../src/control/lead/pool-ranks.ts";
import type { Placement } from "../../src/model/placement.ts";
import { gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { runs } from "../runs.ts";

const LAYERS = 2;
const EXPERTS = 4;
const RANKS = 4;
const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 2 };
const WIDTH = slotCount(topology);

/** What one rank really has in its memory. */
class Rank {
  alive = true;
  /** `layer:expert`, ready to be dispatched to. */
  readonly held = new Set<string>();
}

type Step =
  | { readonly kind: "prepare"; readonly map: readonly number[]; readonly layers: readonly number[] }
  | { readonly kind: "prepared" | "die" | "revive"; readonly rank: number }
  | { readonly kind: "commit" | "drop" | "lead" }
  | { readonly kind: "publish"; readonly map: readonly number[] };

const map = fc.array(fc.integer({ min: -1, max: EXPERTS - 1 }), {
  minLength: LAYERS * WIDTH,
  maxLength: LAYERS * WIDTH,
});
const rank = fc.nat(RANKS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("prepare" as const),
      map,
      layers: fc.constantFrom([0], [1], [0, 1]),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("prepared" as const), rank }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("die" as const, "revive" as const), rank }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom("commit" as const, "drop" as const, "lead" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("publish" as const), map }) },
);

const first: Placement = {
  layers: LAYERS,
  experts: EXPERTS,
  topology,
  physicalToLogical: Int32Array.from({ length: LAYERS * WIDTH }, (_, i) => (i % WIDTH) % EXPERTS),
};

/** A pool whose ranks do as they are asked, and whose leader publishes whatever passes the check. */
class Pool {
  readonly ranks = Array.from({ length: RANKS }, () => new Rank());
  leader = new PoolRanks(first, []);
  published = first;
  epoch = 1;
  pending: {
    readonly epoch: number;
    readonly placement: Placement;
    readonly layers: readonly number[];
  } | null = null;

  constructor() {
    this.#flip();
  }

  take(action: Step): void {
    switch (action.kind) {
      case "prepare": {
        const physicalToLogical = Int32Array.from(this.published.physicalToLogical as Int32Array);
        for (const layer of action.layers)
          for (let i = layer * WIDTH; i < (layer + 1) * WIDTH; i++) physicalToLogical[i] = action.map[i];
        const placement = { ...first, physicalToLogical };
        this.pending = { epoch: this.epoch + 1, placement, layers: action.layers };
        this.leader.prepare(this.epoch + 1, placement, action.layers);
        return;
      }
      case "prepared": {
        const one = this.ranks[action.rank];
        if (this.pending === null || !one.alive) return;
        for (const layer of this.pending.layers) this.#load(action.rank, layer, this.pending.placement);
        this.leader.acknowledge(this.pending.epoch, action.rank, "prepared");
        return;
      }
      case "die":
        this.ranks[action.rank].alive = false;
        this.ranks[action.rank].held.clear();
        return this.leader.lose(action.rank);
      case "revive":
        if (this.ranks[action.rank].alive) return;
        this.ranks[action.rank].alive = true;
        return this.leader.restore(action.rank);
      case "drop":
        this.pending = null;
        return this.leader.drop();
      case "lead":
        // A new leader knows what was published and who is lost, and nothing of what was under way.
        this.pending = null;
        this.#flip();
        this.leader = new PoolRanks(
          this.published,
          [...this.ranks.keys()].filter((one) => !this.ranks[one].alive),
        );
        return;
      case "commit":
        if (this.pending !== null) this.publish(this.pending.placement);
        return;
      case "publish":
        this.publish({ ...first, physicalToLogical: Int32Array.from(action.map) });
    }
  }

  publish(next: Placement): void {
    let missing;
    try {
      missing = this.leader.check(next);
    } catch (error) {
      expect(error).toBeInstanceOf(InvariantViolation);
      return;
    }
    this.epoch++;
    this.leader.publish(this.epoch, next);
    this.published = next;
    const named = new Set<string>();
    for (const [i, expert] of (next.physicalToLogical as Int32Array).entries()) {
      if (expert < 0) continue;
      const layer = Math.floor(i / WIDTH);
      const one = this.ranks[gpuOfSlot(topology, i % WIDTH)];
      expect([one.alive, one.held.has(`${layer}:${expert}`)]).toEqual([true, true]);
      named.add(`${layer}:${expert}`);
    }
    for (const { layer, experts } of missing) for (const expert of experts) named.add(`${layer}:${expert}`);
    expect(named.size).toBe(LAYERS * EXPERTS);
    if (this.pending?.placement !== next) this.pending = null;
    this.#flip();
  }

  /** Ranks keep what the published placement names on them, and what they are preparing. */
  #flip(): void {
    for (const [index, one] of this.ranks.entries()) {
      if (!one.alive) continue;
      const before = new Set(one.held);
      one.held.clear();
      for (let layer = 0; layer < LAYERS; layer++) {
        for (const key of this.#keys(index, layer, this.published))
          if (this.epoch === 1 || before.has(key)) one.held.add(key);
      }
    }
  }

  #load(index: number, layer: number, placement: Placement): void {
    for (const key of this.#keys(index, layer, placement)) this.ranks[index].held.add(key);
  }

  #keys(index: number, layer: number, { physicalToLogical }: Placement): string[] {
    const start = layer * WIDTH + index * topology.slotsPerGpu;
    return [0, 1].flatMap((slot) =>
      physicalToLogical[start + slot] < 0 ? [] : [`${layer}:${physicalToLogical[start + slot]}`],
    );
  }
}

test("whatever happens, no snapshot is published that names a replica which is not ready on a live rank", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = new Pool();
      for (const action of steps) pool.take(action);
    }),
    { seed: 20261124, numRuns: runs(600) },
  );
});

test("what every live rank has prepared can be published", () => {
  fc.assert(
    fc.property(map, rank, (next, dead) => {
      const ranks = new PoolRanks(first, [dead]);
      const alive = next.map((expert, i) => (gpuOfSlot(topology, i % WIDTH) === dead ? -1 : expert));
      const placement = { ...first, physicalToLogical: Int32Array.from(alive) };
      ranks.prepare(2, placement, [0, 1]);
      for (let one = 0; one < RANKS; one++) expect(ranks.acknowledge(2, one, "prepared")).toBe(one !== dead);
      expect(ranks.awaited?.size).toBe(0);
      expect(() => ranks.check(placement)).not.toThrow();
    }),
    { seed: 20261124, numRuns: runs(120) },
  );
});

test("names what stands against a placement", () => {
  const ranks = new PoolRanks(first, [3]);
  expect(() => ranks.check(first)).toThrow("layer 0 names expert 2 on rank 3, which is lost");
  const swapped = { ...first, physicalToLogical: Int32Array.from(first.physicalToLogical as Int32Array) };
  swapped.physicalToLogical[0] = 3;
  expect(() => new PoolRanks(first, []).check(swapped)).toThrow(
    "layer 0 names expert 3 on rank 0, which has not said that it holds it",
  );
});
