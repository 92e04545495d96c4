import fc from "fast-check";
import { expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { countMoves, keepSlots } from "../../src/core/migration/moves.ts";
import { Rng } from "../../src/lib/rng.ts";
import { expertBytes } from "../../src/model/moe-model.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { randomPlacement } from "../random-placement.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { runs } from "../runs.ts";

const LAYERS = 3;
const PARAMETERS = { seed: 5, numRuns: runs(80) };

const twoPlacements = fc
  .record({
    topology: fc.record({
      nodes: fc.integer({ min: 1, max: 3 }),
      gpusPerNode: fc.integer({ min: 1, max: 4 }),
      slotsPerGpu: fc.integer({ min: 1, max: 6 }),
    }),
    redundancy: fc.integer({ min: 0, max: 100 }),
    seed: fc.nat(),
  })
  .map(({ topology, redundancy, seed }) => {
    const rng = new Rng(seed);
    const experts = Math.max(1, Math.round(slotCount(topology) * (1 - redundancy / 100)));
    const placement = () => randomPlacement(rng, LAYERS, experts, topology);
    return { previous: placement(), next: placement() };
  });

type Placed = ReturnType<typeof randomPlacement>;

/** `[layers × gpus]`: the experts of every GPU, in slot order. */
function expertsByGpu({ physicalToLogical, topology }: Placed): number[][] {
  const rows = Array.from({ length: LAYERS * gpuCount(topology) }, (_, i) => i * topology.slotsPerGpu);
  return rows.map((first) => [...physicalToLogical.subarray(first, first + topology.slotsPerGpu)]);
}

it("nothing moves to where everything already is", () => {
  fc.assert(
    fc.property(twoPlacements, ({ previous }) => {
      const { slots, bytes, received } = countMoves(SMALL_MODEL, previous, previous);
      expect([slots, bytes, Math.max(...received)]).toEqual([0, 0, 0]);
    }),
    PARAMETERS,
  );
});

it("every GPU receives the distinct experts it lacks, once per layer", () => {
  fc.assert(
    fc.property(twoPlacements, ({ previous, next }) => {
      const gpus = gpuCount(next.topology);
      const held = expertsByGpu(previous).map((experts) => new Set(experts));
      const received = Array.from({ length: gpus }, () => 0);
      for (const [i, experts] of expertsByGpu(next).entries()) {
        received[i % gpus] += new Set(experts).difference(held[i]).size;
      }
      const moves = countMoves(SMALL_MODEL, previous, next);
      const slots = received.reduce((a, b) => a + b, 0);
      expect(moves).toEqual({
        slots,
        bytes: slots * expertBytes(SMALL_MODEL),
        received: Int32Array.from(received),
      });
    }),
    PARAMETERS,
  );
});

it("keeping slots leaves every GPU its experts, and as many of them in place as can be", () => {
  fc.assert(
    fc.property(twoPlacements, ({ previous, next }) => {
      const kept = { ...keepSlots(previous, next) } as Placed;
      const [before, after, given] = [previous, next, kept].map(expertsByGpu);
      for (const [i, experts] of given.entries()) {
        const ascending = (all: number[]) => all.toSorted((a, b) => a - b);
        expect(ascending(experts)).toEqual(ascending(after[i]));
        const inPlace = experts.filter((expert, slot) => expert === before[i][slot]).length;
        const count = (all: number[], expert: number) => all.filter((other) => other === expert).length;
        const most = [...new Set(experts)].reduce(
          (sum, expert) => sum + Math.min(count(before[i], expert), count(experts, expert)),
          0,
        );
        expect(inPlace).toBe(most);
      }
      expect(countMoves(SMALL_MODEL, previous, kept)).toEqual(countMoves(SMALL_MODEL, previous, next));
    }),
    PARAMETERS,
  );
});

it("an expert of DeepSeek-V3 weighs 44 MB", async () => {
  const model = await loadModel("deepseek-v3");
  const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 1 };
  const [previous, next] = [Int32Array.of(0, 1), Int32Array.of(1, 0)].map((physicalToLogical) => ({
    layers: 1,
    experts: 2,
    topology,
    physicalToLogical,
  }));
  const { slots, bytes } = countMoves(model, previous, next);
  expect(slots).toBe(2);
  expect(Math.abs(bytes / 88e6 - 1)).toBeLessThan(0.01);
});
