import { describe, expect, it } from "vitest";
import { placeExperts } from "../../src/core/placement/place-experts.ts";
import { solveShares } from "../../src/core/shares/solve-shares.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { EP32 } from "../../harness/small-model.ts";

const LAYERS = 4;
const EXPERTS = 256;

function lognormal(seed: number, spread: number, around?: ExpertLoad): ExpertLoad {
  const rng = new Rng(seed);
  const tokens = Float64Array.from(
    { length: LAYERS * EXPERTS },
    (_, i) => (around?.tokens[i] ?? 1000) * Math.exp(spread * rng.normal()),
  );
  return { layers: LAYERS, experts: EXPERTS, tokens };
}

const load = lognormal(1, 0.8);
const placement = placeExperts({ load, topology: EP32, capacity: fullCapacity(EP32), coactivation: null });
const replicas = indexReplicas(placement);

/** Σ of how much every share differs. */
function distance(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, share, i) => sum + Math.abs(share - b[i]), 0);
}

describe("shares solved on from the last ones", () => {
  it("stay as they are where the load does", () => {
    const first = solveShares(placement, replicas, load);
    const again = solveShares(placement, replicas, load, undefined, first.values);
    expect(distance(again.values, first.values)).toBeLessThan(1e-9);
    expect(again.optimum).toEqual(first.optimum);
  });

  it("are as good as from scratch, and nearer to the last ones on the whole", () => {
    const first = solveShares(placement, replicas, load);
    let [changedOnward, changedFresh] = [0, 0];
    for (let seed = 2; seed < 12; seed++) {
      const drifted = lognormal(seed, 0.05, load);
      const fresh = solveShares(placement, replicas, drifted);
      const onward = solveShares(placement, replicas, drifted, undefined, first.values);
      for (let layer = 0; layer < LAYERS; layer++) {
        expect(onward.optimum[layer] / fresh.optimum[layer]).toBeCloseTo(1, 9);
      }
      changedOnward += distance(onward.values, first.values);
      changedFresh += distance(fresh.values, first.values);
    }
    expect(changedOnward).toBeLessThan(changedFresh);
  });

  it("are right from any start, such as everything on one replica", () => {
    const worst = new Float64Array(placement.physicalToLogical.length);
    for (let row = 0; row < LAYERS * EXPERTS; row++) {
      const layer = Math.floor(row / EXPERTS);
      worst[layer * (worst.length / LAYERS) + replicas.slots[replicas.offsets[row]]] = 1;
    }
    const drifted = lognormal(20, 0.5, load);
    const fresh = solveShares(placement, replicas, drifted);
    const onward = solveShares(placement, replicas, drifted, undefined, worst);
    for (let layer = 0; layer < LAYERS; layer++) {
      expect(onward.optimum[layer] / fresh.optimum[layer]).toBeCloseTo(1, 9);
    }
  });
});
