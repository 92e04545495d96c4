import { expect, it } from "vitest";
import { HeldWeights } from "../../src/engines/simulated/held-weights.ts";
import { gpusInService, indexReplicas } from "../../src/model/placement.ts";
import type { ReplicaMap } from "../../src/model/replica-map.ts";
import { slotCount } from "../../src/model/topology.ts";
import { withoutRanks } from "../../src/twin/without-ranks.ts";
import { smallPlan } from "../small-plan.ts";

const whole = smallPlan();
/** What the leader publishes when rank 2 is lost. */
const without = withoutRanks(whole, [2]);

function named({ placement }: ReplicaMap): number[] {
  return [...gpusInService(placement)];
}

it("what is left has the shares of each expert's other replicas, in sum 1", () => {
  const { placement, replicas, shares } = without;
  const width = slotCount(placement.topology);
  expect(replicas).toEqual(indexReplicas(placement));
  let lost = 0;
  let changed = 0;
  for (let row = 0; row < placement.layers * placement.experts; row++) {
    const base = Math.floor(row / placement.experts) * width;
    const sumOf = ({ replicas: { offsets, slots }, shares: { values } }: ReplicaMap) =>
      Array.from(slots.subarray(offsets[row], offsets[row + 1])).reduce(
        (sum, s) => sum + values[base + s],
        0,
      );
    const count = replicas.offsets[row + 1] - replicas.offsets[row];
    if (count === 0) lost++;
    else expect(sumOf(without)).toBeCloseTo(sumOf(whole), 12);
    if (count > 0 && count < whole.replicas.offsets[row + 1] - whole.replicas.offsets[row]) changed++;
  }
  expect(lost).toBeGreaterThan(0);
  expect(changed).toBeGreaterThan(0);
  expect(shares.prices).toBe(whole.shares.prices);
  expect(withoutRanks(whole, [])).toBe(whole);
});

it("a rank that stops loses what it held; started again, it holds what a later map gives it", () => {
  const held = new HeldWeights();
  expect(named(held.adopt(whole))).toEqual([0, 1, 2, 3]);
  held.lose(2);
  expect(named(held.of(whole))).toEqual([0, 1, 3]);
  held.restore(2);
  expect([named(held.of(whole)), named(held.adopt(whole))]).toEqual([
    [0, 1, 3],
    [0, 1, 3],
  ]);
  held.adopt(without);
  expect(named(held.adopt(whole))).toEqual([0, 1, 2, 3]);
});

it("a rank that starts when no map names it any more holds what the next one gives it", () => {
  const held = new HeldWeights();
  held.lose(2);
  expect(held.stopped).toEqual([2]);
  expect(named(held.adopt(whole))).toEqual([0, 1, 3]);
  held.adopt(without);
  expect(named(held.adopt(whole))).toEqual([0, 1, 3]);
  held.adopt(without);
  held.restore(2);
  expect(held.stopped).toEqual([]);
  expect(named(held.adopt(whole))).toEqual([0, 1, 2, 3]);
});
