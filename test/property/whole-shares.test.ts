import fc from "fast-check";
import { expect, it } from "vitest";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { wholeShares } from "../../src/core/shares/whole-shares.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 8, numRuns: runs(120) };

it("every expert has one slot with share 1, the others have none", () => {
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load, capacity } = request;
      const placement = placeExperts(request);
      const { values } = wholeShares(placement, indexReplicas(placement), load, capacity.speeds);
      const served = new Float64Array(load.layers * load.experts);
      for (const [i, share] of values.entries()) {
        expect([0, 1]).toContain(share);
        const layer = Math.floor(i / slotCount(placement.topology));
        if (share === 1) served[layer * load.experts + placement.physicalToLogical[i]]++;
      }
      expect(served.every((slots) => slots === 1)).toBe(true);
    }),
    PARAMETERS,
  );
});

it("no expert could relieve its GPU by another of its slots, and no whole shares better split ones", () => {
  fc.assert(
    fc.property(placementCase, (request) => {
      const { load, capacity } = request;
      const { speeds } = capacity;
      const placement = placeExperts(request);
      const { topology } = placement;
      const replicas = indexReplicas(placement);
      const { values } = wholeShares(placement, replicas, load, speeds);
      const carried = gpuLoads(placement, values, load);
      const { optimum } = solveShares(placement, replicas, load, speeds);
      const gpus = gpuCount(topology);
      for (let layer = 0; layer < load.layers; layer++) {
        const onGpu = (gpu: number) => carried[layer * gpus + gpu];
        const fullest = Math.max(...speeds.map((speed, gpu) => onGpu(gpu) / speed));
        expect(fullest).toBeGreaterThanOrEqual(optimum[layer] * (1 - 1e-9));
        for (let e = 0; e < load.experts; e++) {
          const row = layer * load.experts + e;
          const slots = [...replicas.slots.subarray(replicas.offsets[row], replicas.offsets[row + 1])];
          const home = slots.find((slot) => values[layer * slotCount(topology) + slot] === 1);
          const here = gpuOfSlot(topology, home ?? expect.unreachable());
          for (const there of slots.map((slot) => gpuOfSlot(topology, slot))) {
            if (there === here) continue;
            const after = (onGpu(there) + load.tokens[row]) / speeds[there];
            expect(after).toBeGreaterThanOrEqual((onGpu(here) / speeds[here]) * (1 - 1e-9) - 1e-9 * fullest);
          }
        }
      }
    }),
    PARAMETERS,
  );
});
