import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expertText, heatMapView } from "../../src/dashboard/experts/heat-map-view.ts";
import { type Placed, heaviest, replicasOf, slotLoad } from "../../src/dashboard/experts/placed-experts.ts";

/** Two GPUs of two slots: expert 0 on both, three quarters of it on the second. */
const PLACED: Placed = {
  epoch: 7,
  slotsPerGpu: 2,
  map: [
    [0, 1, 2, 0],
    [2, -1, 0, 1],
  ],
  shares: [
    [0.25, 1, 1, 0.75],
    [1, 0, 1, 1],
  ],
};
const LOAD = [
  [2, 0.5, 0.5],
  [1, 1, 1],
];

describe("what is where", () => {
  test("replicas, those with the most tokens first", () => {
    expect(replicasOf(PLACED, 0, 0)).toEqual([
      { gpu: 1, share: 0.75 },
      { gpu: 0, share: 0.25 },
    ]);
    expect(replicasOf(PLACED, 1, 3)).toEqual([]);
    expect(replicasOf(PLACED, 9, 0)).toEqual([]);
  });

  test("what a GPU has most of, relative to its even part of the layer", () => {
    expect(heaviest(PLACED, LOAD, 1, 2)).toEqual([
      { layer: 0, expert: 0, load: 1 },
      { layer: 1, expert: 0, load: 2 / 3 },
    ]);
  });

  test("of all GPUs it adds up to every layer's whole", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 9, noNaN: true }), { minLength: 3, maxLength: 3 }),
        (row) => {
          const total = row.reduce((a, b) => a + b, 0);
          fc.pre(total > 1e-6);
          const load = [row.map((one) => (one * row.length) / total), LOAD[1]];
          const sum = [0, 1]
            .flatMap((gpu) => heaviest(PLACED, load, gpu, 9))
            .filter(({ layer }) => layer === 0)
            .reduce((all, one) => all + one.load, 0);
          expect(sum).toBeCloseTo(2, 9);
          expect(slotLoad(PLACED, load)[0].reduce((a, b) => a + b, 0)).toBeCloseTo(4, 9);
        },
      ),
      { seed: 3, numRuns: 50 },
    );
  });
});

describe("what the heat map shows", () => {
  test("each layer's heaviest first, and which expert that is", () => {
    const view = heatMapView("sorted", [[1, 3, 2]], null);
    expect(view.values).toEqual([[3, 2, 1]]);
    expect([0, 1, 2].map((column) => view.expertAt(0, column))).toEqual([1, 2, 0]);
    expect(view.columnsOf(0, 2)).toEqual([1]);
  });

  test("slots with what each gets, and all slots of an expert", () => {
    const view = heatMapView("slots", LOAD, PLACED);
    expect(view.values[0]).toEqual([(2 * 0.25 * 4) / 3, (0.5 * 4) / 3, (0.5 * 4) / 3, 2]);
    expect(view.columnsOf(0, 0)).toEqual([0, 3]);
    expect(view.expertAt(1, 1)).toBe(-1);
  });

  test("how many replicas each expert has", () => {
    expect(heatMapView("replicas", LOAD, PLACED).values).toEqual([
      [2, 1, 1],
      [1, 1, 1],
    ]);
  });

  test("experts by their number while nobody knows where they are", () => {
    for (const mode of ["slots", "replicas"] as const)
      expect(heatMapView(mode, LOAD, null).values).toBe(LOAD);
  });
});

test("an expert is told with its load, its tokens, its replicas and the epoch", () => {
  const known = { load: 2, forecast: null, tokensPerSecond: 1234.4 };
  const facts = { layer: "layer 4", row: 0, expert: 0, ...known, placed: PLACED };
  expect(expertText(facts)).toBe(
    "layer 4, expert 0, 2.00×, 1,234 tokens/s · 2 replicas: GPU 1 75 %, GPU 0 25 % (epoch 7)",
  );
  expect(expertText({ ...facts, tokensPerSecond: null, placed: null })).toBe("layer 4, expert 0, 2.00×");
  expect(expertText({ ...facts, forecast: 1.8, placed: null })).toBe(
    "layer 4, expert 0, 2.00× (forecast 1.80×), 1,234 tokens/s",
  );
  expect(expertText({ ...facts, expert: 1, load: 0.5, tokensPerSecond: null })).toBe(
    "layer 4, expert 1, 0.50× · 1 replica: GPU 0 (epoch 7)",
  );
  expect(expertText({ ...facts, expert: -1 })).toBe("layer 4, an empty slot");
});
