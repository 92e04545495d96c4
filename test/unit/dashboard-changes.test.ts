import { expect, test } from "vitest";
import { changeMap } from "../../src/dashboard/changes/change-map.ts";
import { expertChangeText, slotText, summaryText } from "../../src/dashboard/changes/change-text.ts";
import { lastMoved, moved, placedBy } from "../../src/dashboard/changes/moved-decisions.ts";
import {
  type PlacementChange,
  keyOf,
  readChange,
  weightiest,
} from "../../src/dashboard/changes/placement-change.ts";
import { differences, errorText, layerErrors } from "../../src/dashboard/experts/forecast-map.ts";
import { differenceScale, scaleTop, tokenScale } from "../../src/dashboard/experts/map-scale.ts";
import { SHADES } from "../../src/dashboard/experts/colour-scale.ts";
import { decision } from "./pool-state-fixture.ts";

/** Three GPUs of two slots. Before, row 0 was 0 1 | 2 3 | 1 0: expert 2 came to GPU 0 in place of 0, which is on GPU 2 still. */
const CHANGE: PlacementChange = {
  decision: 4,
  epochBefore: 7,
  epochAfter: 9,
  layers: 2,
  experts: 4,
  topology: { nodes: 1, gpusPerNode: 3, slotsPerGpu: 2 },
  expertBytes: 1e9,
  slots: [
    [0, 0, 0, 2, 1],
    [0, 3, 3, 1, 1],
    [0, 4, 1, 3, 1],
    [1, 5, 3, -1, 0],
  ],
  touched: [
    [0, 0, 2, 0.5, 3],
    [0, 1, 2, 0.9, 2],
    [0, 2, 1, 2.5, 1],
    [0, 3, 1, 0.1, 4],
    [1, 3, 2, 0, 0],
  ],
};
const READ = readChange(CHANGE);

test("a slot gained, moved or lost by what has become of the expert it holds; an expert by its replicas", () => {
  const kinds = (all: ReadonlyMap<number, { readonly kind: string }>) =>
    [...all.values()].map((one) => one.kind);
  expect(kinds(READ.slots)).toEqual(["gained", "moved", "moved", "lost"]);
  expect(kinds(READ.experts)).toEqual(["lost", "moved", "gained", "moved", "lost"]);
  expect(READ.experts.get(keyOf(0, 2))).toMatchObject({
    replicasBefore: 1,
    replicasAfter: 2,
    from: [],
    to: [0],
  });
  expect(READ.experts.get(keyOf(0, 1))).toMatchObject({ replicasAfter: 2, from: [2], to: [1] });
  expect(weightiest(READ).map(({ expert }) => expert)).toEqual([2, 1, 0, 3, 3]);
});

test("every replica that came to a GPU, or went, is counted there", () => {
  expect(READ.gpus).toEqual([
    { gpu: 0, came: 1, went: 1 },
    { gpu: 1, came: 1, went: 1 },
    { gpu: 2, came: 1, went: 2 },
  ]);
  // An expert that goes to another slot of its GPU has not gone.
  const within = readChange({
    ...CHANGE,
    slots: [
      [0, 0, 0, 1, 0],
      [0, 1, 1, 0, 0],
    ],
    touched: [
      [0, 0, 1, 1, 1],
      [0, 1, 1, 1, 2],
    ],
  });
  expect(within.gpus.every(({ came, went }) => came + went === 0)).toBe(true);
});

test("all of it is told in words", () => {
  expect(slotText(READ, "layer 3", 0, 0)).toBe(
    "layer 3, slot 0 on GPU 0: expert 2 in place of expert 0 · expert 2: replicas 1 → 2, 2.50 × then, the heaviest of its layer · expert 0: replicas 2 → 1, 0.50 × then, number 3 of its layer",
  );
  expect(slotText(READ, "layer 4", 1, 5)).toBe(
    "layer 4, slot 5 on GPU 2: empty, in place of expert 3 · expert 3: replicas 2 → 1, its load then is not known",
  );
  expect(slotText(READ, "layer 3", 0, 1)).toBe("layer 3, slot 1 on GPU 0: as before");
  expect(expertChangeText(READ, "layer 3", 0, 1)).toBe(
    "layer 3, expert 1: moved, replicas 2 → 2, from GPU 2 to GPU 1 · 0.90 × then, number 2 of its layer",
  );
  expect(summaryText(READ)).toBe(
    "4 slots in 2 of 2 layers changed, 3 GB of weights (epoch 7 → 9). 2 of them concern one of their layer's 3 heaviest experts.",
  );
});

test("the map has a cell for each slot, or each expert, and finds an expert that is pointed at elsewhere", () => {
  const slots = changeMap(READ, "slots", [3, 4], false);
  expect(slots.values[0]).toEqual([1, 0, 0, 2, 2, 0]);
  expect(slots.columnsOf(0, 1)).toEqual([3, 4]);
  expect([slots.expertAt(0, 0), slots.expertAt(0, 1), slots.expertAt(1, 5)]).toEqual([2, -1, -1]);
  const experts = changeMap(READ, "experts", [3, 4], true);
  expect(experts.values).toEqual([
    [3, 2, 1, 2],
    [0, 0, 0, 3],
  ]);
  expect(experts.said({ row: 1, column: 0 })).toBe("layer 4, expert 0: as before");
});

test("looked at is what moved something, and asked anew is a forecast of another placement", () => {
  const kept = decision({ id: 3, kind: "kept", movedSlots: 0 });
  const loss = decision({ id: 2, kind: "loss", movedSlots: 0 });
  const decisions = [decision({ id: 1 }), loss, kept];
  expect([moved(kept), lastMoved(decisions)?.id, lastMoved([kept])]).toEqual([false, 2, null]);
  expect(placedBy(decisions)).toBe(1);
  expect(placedBy([decision({ id: 9, movedSlots: 0 })])).toBe(0);
});

test("a forecast is off by the part of a layer's tokens that other experts have", () => {
  const differ = differences(
    [
      [2, 1, 0.5, 0.5],
      [1, 1, 1, 1],
    ],
    [
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ],
  );
  expect(differ[0]).toEqual([1, 0, -0.5, -0.5]);
  expect(layerErrors(differ)).toEqual([0.25, 0]);
  expect(errorText([0.25, 0], 0, [3, 4])).toMatch(
    /12\.5 % of the tokens are with other experts than forecast, most in layer 3 \(25\.0 %\)\.$/,
  );
  const { shadeOf } = differenceScale(false);
  expect([-9, -1, 0, 1, 9].map(shadeOf)).toEqual([0, 0, SHADES / 2, SHADES - 1, SHADES - 1]);
});

test("a scale of tokens ends at a round number, and stays there until it must not", () => {
  expect(scaleTop(null, 1234)).toBe(2000);
  expect(scaleTop(2000, 600)).toBe(2000);
  expect(scaleTop(2000, 2001)).toBe(5000);
  expect(scaleTop(2000, 499)).toBe(500);
  expect([scaleTop(null, 0), scaleTop(700, Number.NaN)]).toEqual([1, 700]);
  const { shadeOf, ticks } = tokenScale(false, 2000, 100);
  expect([shadeOf(20), shadeOf(0)]).toEqual([SHADES - 1, 0]);
  expect(ticks.map(({ label }) => label)).toEqual(["≤\u200962.5", "125", "250", "500", "1k", "≥\u20092k"]);
});
