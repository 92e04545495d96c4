import fc from "fast-check";
import { expect, it } from "vitest";
import { type PlacementRequest, placeExperts } from "../../src/core/placement/place-experts.ts";
import { spread } from "../../src/core/placement/scenario-spread.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../src/model/load.ts";
import { type Placement, placementFault } from "../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { LAYERS, placementCase } from "../placement-case.ts";
import { runs } from "../runs.ts";

/** What one scenario makes of the load: the same in another unit, something else, or idle in a layer. */
const KINDS = ["same", "other", "other", "other", "idle"] as const;

type ScenarioRequest = PlacementRequest & { readonly scenarios: readonly ExpertLoad[] };

const scenarioCase: fc.Arbitrary<ScenarioRequest> = fc
  .record({
    request: placementCase,
    kinds: fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 6 }),
  })
  .map(({ request, kinds }) => {
    const rng = new Rng(request.seed, 2);
    return { ...request, scenarios: kinds.map((kind) => scenario(rng, request.load, kind)) };
  });

function scenario(rng: Rng, load: ExpertLoad, kind: (typeof KINDS)[number]): ExpertLoad {
  const unit = Math.exp(3 * rng.normal());
  const tokens = load.tokens.map((mean) => unit * mean * (kind === "same" ? 1 : Math.exp(rng.normal())));
  if (kind === "idle") {
    const layer = rng.below(load.layers);
    tokens.fill(0, layer * load.experts, (layer + 1) * load.experts);
  }
  return { ...load, tokens };
}

/** Placed for the same spread of the loads, but not levelled over the scenarios. */
function unlevelled({ scenarios, ...request }: ScenarioRequest): Placement {
  return placeExperts({ ...request, deviation: spread(request.load, scenarios) });
}

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

/** `[experts]`: slots of a layer that hold each. */
function copiesOf(row: readonly number[], experts: number): Int32Array {
  const copies = new Int32Array(experts);
  for (const expert of row) if (expert >= 0) copies[expert]++;
  return copies;
}

function rowOf({ physicalToLogical, topology }: Placement, layer: number): number[] {
  const width = slotCount(topology);
  return Array.from({ length: width }, (_, slot) => physicalToLogical[layer * width + slot]);
}

const PARAMETERS = { seed: 14, numRuns: runs(300) };

it("levelling over scenarios exchanges experts with one copy, and nothing else", () => {
  let changed = 0;
  fc.assert(
    fc.property(scenarioCase, (request) => {
      const [before, after] = [unlevelled(request), placeExperts(request)];
      const { experts } = request.load;
      expect(placementFault(after)).toBeNull();
      for (const held of gpuExperts(after)) {
        const some = held.filter((expert) => expert >= 0);
        expect(new Set(some).size).toBe(some.length);
      }
      for (let layer = 0; layer < LAYERS; layer++) {
        const [was, is] = [rowOf(before, layer), rowOf(after, layer)];
        const copies = copiesOf(was, experts);
        expect(copiesOf(is, experts)).toEqual(copies);
        for (const [slot, expert] of is.entries()) {
          if (expert === was[slot]) continue;
          changed++;
          expect([copies[expert], copies[was[slot]]]).toEqual([1, 1]);
        }
      }
    }),
    PARAMETERS,
  );
  expect(changed).toBeGreaterThan(200);
});

it("experts stay on their node where it is not known which are used together", () => {
  fc.assert(
    fc.property(scenarioCase, (request) => {
      const groups = request.coactivation?.groups ?? 1;
      const sample = { tokens: 0, layers: 1, topk: 1, experts: new Int16Array(0) };
      const unknown = { ...request, coactivation: { sample, groups, hopWeight: 1 } };
      const { experts } = request.load;
      const perNode = request.topology.gpusPerNode * request.topology.slotsPerGpu;
      const [before, after] = [unlevelled(unknown), placeExperts(unknown)];
      for (let layer = 0; layer < LAYERS; layer++) {
        const [was, is] = [rowOf(before, layer), rowOf(after, layer)];
        for (let first = 0; first < is.length; first += perNode) {
          const [here, there] = [was, is].map((row) => copiesOf(row.slice(first, first + perNode), experts));
          expect(there).toEqual(here);
        }
      }
    }),
    PARAMETERS,
  );
});

it("neither the unit of a scenario nor the other layers matter", () => {
  fc.assert(
    fc.property(scenarioCase, fc.integer({ min: -20, max: 20 }), (request, exponent) => {
      // A sample of one layer speaks for every layer.
      const coactivation = request.coactivation?.sample.layers === 1 ? request.coactivation : null;
      const { load, scenarios } = request;
      const placed = placeExperts({ ...request, coactivation });
      for (let layer = 0; layer < LAYERS; layer++) {
        const alone = (one: ExpertLoad, unit: number) => ({
          layers: 1,
          experts: one.experts,
          tokens: layerLoad(one, layer).map((tokens) => tokens * unit),
        });
        const scaled = scenarios.map((one, i) => alone(one, i % 2 === 0 ? 2 ** exponent : 1));
        const again = placeExperts({ ...request, coactivation, load: alone(load, 1), scenarios: scaled });
        expect(rowOf(again, 0)).toEqual(rowOf(placed, layer));
      }
    }),
    PARAMETERS,
  );
});

/** Σ load² / speed over the GPUs, in mean loads, on average over the scenarios: of a layer whose experts have one copy each. */
function meanSquares(
  { topology, scenarios, capacity }: ScenarioRequest,
  layer: number,
  row: readonly number[],
): number {
  let squares = 0;
  for (const load of scenarios) {
    const tokens = layerLoad(load, layer);
    const mean = sum(tokens);
    if (mean === 0) continue;
    const carried = new Float64Array(gpuCount(topology));
    for (const [slot, expert] of row.entries()) {
      if (expert >= 0) carried[gpuOfSlot(topology, slot)] += tokens[expert] / mean;
    }
    squares += sum(carried.map((part, gpu) => (part * part) / capacity.speeds[gpu]));
  }
  return squares;
}

it("no exchange lowers the mean square of the scenarios' GPU loads further, where every expert has one copy", () => {
  let lowered = 0;
  fc.assert(
    fc.property(scenarioCase, (anything) => {
      const request = { ...anything, coactivation: null };
      const [before, after] = [unlevelled(request), placeExperts(request)];
      for (let layer = 0; layer < LAYERS; layer++) {
        const row = rowOf(after, layer);
        if (copiesOf(row, request.load.experts).some((copies) => copies > 1)) continue;
        const least = meanSquares(request, layer, row);
        const first = meanSquares(request, layer, rowOf(before, layer));
        expect(least).toBeLessThanOrEqual(first * (1 + 1e-9));
        if (least < first * (1 - 1e-6)) lowered++;
        for (let a = 0; a < row.length; a++) {
          for (let b = 0; b < a; b++) {
            if (row[a] < 0 || row[b] < 0) continue;
            const other = row.with(a, row[b]).with(b, row[a]);
            expect(meanSquares(request, layer, other)).toBeGreaterThanOrEqual(least * (1 - 1e-6));
          }
        }
      }
    }),
    PARAMETERS,
  );
  expect(lowered).toBeGreaterThan(20);
});

it("the spread is the root of the mean square of what scenarios differ by from the load, in its unit", () => {
  fc.assert(
    fc.property(scenarioCase, ({ load, scenarios }) => {
      const deviation = spread(load, scenarios) as Float64Array;
      for (let layer = 0; layer < LAYERS; layer++) {
        const total = sum(layerLoad(load, layer));
        const told = scenarios.map((one) => layerLoad(one, layer)).filter((tokens) => sum(tokens) > 0);
        for (let e = 0; e < load.experts; e++) {
          const off = told.map((tokens) => (tokens[e] * total) / sum(tokens) - layerLoad(load, layer)[e]);
          const expected = told.length === 0 ? 0 : Math.sqrt(sum(off.map((x) => x * x)) / told.length);
          expect(Math.abs(deviation[layer * load.experts + e] - expected)).toBeLessThanOrEqual(1e-9 * total);
        }
      }
    }),
    PARAMETERS,
  );
  expect(spread({ layers: 1, experts: 1, tokens: Float64Array.of(1) }, [])).toBeNull();
});
