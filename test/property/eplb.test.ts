import fc from "fast-check";
import { describe, it } from "vitest";
import { layerBounds } from "../../src/core/placement/bounds.ts";
import { eplb } from "../../src/core/placement/eplb.ts";
import { packBalanced } from "../../src/core/placement/pack-balanced.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { indexReplicas, placementFault } from "../../src/model/placement.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 20_261, numRuns: runs(80) };

/** A pool that can hold its experts, and a load with idle experts and ties. */
const problem = fc
  .record({
    nodes: fc.integer({ min: 1, max: 4 }),
    gpusPerNode: fc.integer({ min: 1, max: 4 }),
    groups: fc.constantFrom(1, 2, 3, 4, 8),
    groupSize: fc.integer({ min: 1, max: 6 }),
    layers: fc.integer({ min: 1, max: 3 }),
    spareSlots: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ nodes, gpusPerNode, groups, groupSize, layers, spareSlots }) => {
    const experts = groups * groupSize;
    const slotsPerGpu = Math.ceil(experts / (nodes * gpusPerNode)) + spareSlots;
    const tokens = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1000 })), {
      minLength: layers * experts,
      maxLength: layers * experts,
    });
    return tokens.map((values) => ({
      groups,
      topology: { nodes, gpusPerNode, slotsPerGpu },
      load: { layers, experts, tokens: Float64Array.from(values) },
    }));
  });

describe("EPLB", () => {
  it("fills every slot and holds every expert", () => {
    fc.assert(
      fc.property(
        problem,
        ({ load, topology, groups }) => placementFault(eplb(load, topology, groups)) === null,
      ),
      PARAMETERS,
    );
  });

  it("does not depend on the unit of the load", () => {
    fc.assert(
      fc.property(problem, fc.integer({ min: -20, max: 20 }), ({ load, topology, groups }, exponent) => {
        const scaled = { ...load, tokens: load.tokens.map((value) => value * 2 ** exponent) };
        const [one, other] = [eplb(load, topology, groups), eplb(scaled, topology, groups)];
        return (one.physicalToLogical as Int32Array).every(
          (expert, i) => expert === other.physicalToLogical[i],
        );
      }),
      PARAMETERS,
    );
  });

  it("places each layer by its own load only", () => {
    fc.assert(
      fc.property(problem, ({ load, topology, groups }) => {
        const all = eplb(load, topology, groups).physicalToLogical as Int32Array;
        const { experts, tokens } = load;
        const first = eplb({ layers: 1, experts, tokens: tokens.subarray(0, experts) }, topology, groups);
        return (first.physicalToLogical as Int32Array).every((expert, slot) => expert === all[slot]);
      }),
      PARAMETERS,
    );
  });

  it("never betters the bound, under even shares or solved ones", () => {
    fc.assert(
      fc.property(problem, ({ load, topology, groups }) => {
        const placement = eplb(load, topology, groups);
        const replicas = indexReplicas(placement);
        const bounds = layerBounds(load, fullCapacity(topology));
        const gpus = gpuCount(topology);
        return [evenShares(placement, replicas), solveShares(placement, replicas, load)].every(
          ({ values }) => {
            const loads = gpuLoads(placement, values, load);
            return bounds.every(({ value }, layer) => {
              const max = Math.max(...loads.subarray(layer * gpus, (layer + 1) * gpus));
              return max >= value * (1 - 1e-9);
            });
          },
        );
      }),
      PARAMETERS,
    );
  });

  it("replicates no expert while another's replicas carry more", () => {
    fc.assert(
      fc.property(problem, ({ load, topology }) => {
        const { offsets } = indexReplicas(eplb(load, topology, 1));
        const width = slotCount(topology);
        for (let layer = 0; layer < load.layers && width > load.experts; layer++) {
          const rows = Array.from({ length: load.experts }, (_, expert) => layer * load.experts + expert);
          const count = (row: number) => offsets[row + 1] - offsets[row];
          const worst = Math.max(...rows.map((row) => load.tokens[row] / count(row)));
          const spared = rows
            .filter((row) => count(row) > 1)
            .map((row) => load.tokens[row] / (count(row) - 1));
          if (spared.some((alone) => alone < worst)) return false;
        }
        return true;
      }),
      PARAMETERS,
    );
  });
});

describe("balanced packing", () => {
  it("puts every item into one pack, equally many into each", () => {
    const packing = fc
      .record({ packs: fc.integer({ min: 1, max: 8 }), capacity: fc.integer({ min: 1, max: 8 }) })
      .chain(({ packs, capacity }) =>
        fc.record({
          packs: fc.constant(packs),
          weights: fc.array(fc.nat(1000), { minLength: packs * capacity, maxLength: packs * capacity }),
        }),
      );
    fc.assert(
      fc.property(packing, ({ packs, weights }) => {
        const packed = packBalanced(Float64Array.from(weights), packs);
        return packed.toSorted().every((item, i) => item === i);
      }),
      PARAMETERS,
    );
  });
});
