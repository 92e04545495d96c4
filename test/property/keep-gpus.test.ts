import fc from "fast-check";
import { expect, it } from "vitest";
import { keepGpus } from "../../src/core/migration/keep-gpus.ts";
import { countMoves, keepSlots } from "../../src/core/migration/moves.ts";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { Placement } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import type { Topology } from "../../src/model/topology.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { runs } from "../runs.ts";

const EXPERTS = 24;
const LAYERS = 2;

function placed(seed: number, topology: Topology, capacity = fullCapacity(topology)): Placement {
  const rng = new Rng(seed);
  const tokens = Float64Array.from({ length: LAYERS * EXPERTS }, () => Math.exp(rng.normal()));
  const load = { layers: LAYERS, experts: EXPERTS, tokens };
  return placeExperts({ load, topology, capacity, coactivation: null });
}

/** What every GPU holds, by node: in no order of GPUs or nodes. */
function contents({ physicalToLogical, topology, layers }: Placement): string[] {
  const { nodes, gpusPerNode, slotsPerGpu } = topology;
  return Array.from({ length: layers * nodes }, (_, node) => {
    const layer = Math.floor(node / nodes);
    const gpus = Array.from({ length: gpusPerNode }, (__, gpu) => {
      const first = (node * gpusPerNode + gpu) * slotsPerGpu;
      return Array.from({ length: slotsPerGpu }, (___, i) => physicalToLogical[first + i]).join();
    });
    return `${layer}: ${gpus.toSorted().join(" | ")}`;
  }).toSorted();
}

const seeds = fc.tuple(fc.nat(), fc.nat());

it("GPUs and nodes get other names and keep what they hold together", () => {
  const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 4 };
  fc.assert(
    fc.property(seeds, ([a, b]) => {
      const [previous, next] = [placed(a, topology), placed(b, topology)];
      expect(contents(keepGpus(previous, next, fullCapacity(topology)))).toEqual(contents(next));
    }),
    { seed: 71, numRuns: runs(40) },
  );
});

it("nothing moves where only names differ", () => {
  const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 3 };
  fc.assert(
    fc.property(seeds, ([a, b]) => {
      const previous = placed(a, topology);
      const rng = new Rng(b);
      const order = (size: number) => {
        const keys = Array.from({ length: size }, () => rng.uniform());
        return [...keys.keys()].toSorted((i, j) => keys[i] - keys[j]);
      };
      const width = 24;
      const renamed = new Int32Array(LAYERS * width);
      for (let layer = 0; layer < LAYERS; layer++) {
        const nodes = order(2);
        for (let node = 0; node < 2; node++) {
          const gpus = order(4);
          for (let i = 0; i < 12; i++) {
            const from = layer * width + node * 12 + i;
            const to = layer * width + nodes[node] * 12 + gpus[Math.floor(i / 3)] * 3 + (i % 3);
            renamed[to] = previous.physicalToLogical[from];
          }
        }
      }
      const kept = keepGpus(previous, { ...previous, physicalToLogical: renamed }, fullCapacity(topology));
      expect(keepSlots(previous, kept).physicalToLogical).toEqual(previous.physicalToLogical);
    }),
    { seed: 72, numRuns: runs(40) },
  );
});

it("fewer weights travel, on the whole", () => {
  const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 4 };
  let [kept, given] = [0, 0];
  for (let seed = 0; seed < 30; seed++) {
    const [previous, next] = [placed(seed, topology), placed(seed + 100, topology)];
    kept += countMoves(SMALL_MODEL, previous, keepGpus(previous, next, fullCapacity(topology))).slots;
    given += countMoves(SMALL_MODEL, previous, next).slots;
  }
  expect(kept).toBeLessThan(0.9 * given);
});

it("only GPUs that can take as much stand in for each other", () => {
  const topology = { nodes: 2, gpusPerNode: 4, slotsPerGpu: 5 };
  fc.assert(
    fc.property(
      seeds,
      fc.array(fc.constantFrom<number>(0, 5, 4), { minLength: 8, maxLength: 8 }),
      ([a, b], slots) => {
        const capacity = { ...fullCapacity(topology), slots: Int32Array.from(slots) };
        fc.pre(slots.reduce((sum, count) => sum + count, 0) >= EXPERTS);
        const next = placed(b, topology, capacity);
        const kept = keepGpus(placed(a, topology), next, capacity);
        expect(contents(kept)).toEqual(contents(next));
        for (const [i, expert] of (kept.physicalToLogical as Int32Array).entries()) {
          if (i % 5 >= slots[Math.floor(i / 5) % 8]) expect(expert).toBe(-1);
        }
      },
    ),
    { seed: 73, numRuns: runs(40) },
  );
});
