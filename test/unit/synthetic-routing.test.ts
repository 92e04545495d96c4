import assert from "node:assert/strict";
import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import type { RoutingSource } from "../../src/twin/routing-source.ts";
import { routingSources } from "../../src/twin/routing-sources.ts";
import { SyntheticRows } from "../../src/twin/synthetic-rows.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";

const model = await loadModel("deepseek-v3");

/** Requests after which the mix of topics has come round: half of it apart, it differs most. */
const HALF_TURN = 1500;

/** Admits requests and adds up the experts of a few tokens of each: `[layers × experts]`. */
function loadOf(source: SyntheticRouting, width: number, requests: number, tokensEach: number): Float64Array {
  const layers = source.rowStride / source.topk;
  const load = new Float64Array(layers * width);
  const rows = new Int32Array(tokensEach);
  for (let request = 0; request < requests; request++) {
    source.rows(source.admit(tokensEach), 0, tokensEach, rows, 0);
    for (const row of rows) {
      for (let i = 0; i < source.rowStride; i++) {
        load[Math.floor(i / source.topk) * width + source.experts[row * source.rowStride + i]]++;
      }
    }
  }
  return load;
}

describe("on DeepSeek-V3's shape", () => {
  const source = new SyntheticRouting(model, 1);
  // A whole turn of the drift, so that every topic has its mean weight.
  const load = loadOf(source, model.experts, 2 * HALF_TURN, 2);

  it("is as skewed as the published statistics", () => {
    let top32 = 0;
    let largest = 0;
    for (let layer = 0; layer < model.moeLayers.length; layer++) {
      const row = load.subarray(layer * 256, (layer + 1) * 256).toSorted();
      const sum = row.reduce((a, b) => a + b, 0);
      top32 += row.subarray(224).reduce((a, b) => a + b, 0) / sum / model.moeLayers.length;
      largest += row[255] / sum / model.moeLayers.length;
    }
    expect(Math.abs(top32 - 0.31)).toBeLessThan(0.02);
    expect(Math.abs(largest - 0.027)).toBeLessThan(0.004);
  });

  it("gives every token 8 distinct experts out of at most 4 groups in every layer", () => {
    const rows = new Int32Array(64);
    source.rows(source.admit(64), 0, 64, rows, 0);
    for (const row of rows) {
      for (let layer = 0; layer < model.moeLayers.length; layer++) {
        const at = row * source.rowStride + source.column(layer);
        const chosen = [...source.experts.subarray(at, at + 8)];
        assert.equal(new Set(chosen).size, 8);
        assert.ok(Math.min(...chosen) >= 0);
        assert.ok(Math.max(...chosen) < 256);
        assert.ok(new Set(chosen.map((expert) => Math.floor(expert / 32))).size <= 4);
      }
    }
  });
});

it("a skew of 0 asks all experts alike, a larger one fewer of them the more; 1 is the usual", () => {
  const width = SMALL_MODEL.experts;
  const most = (skew: number) => {
    const source = new SyntheticRouting(SMALL_MODEL, 5, new SyntheticRows(SMALL_MODEL, 5, skew));
    const load = loadOf(source, width, 200, 8);
    const layers = Array.from({ length: SMALL_MOE_LAYERS }, (_, layer) =>
      load.subarray(layer * width, (layer + 1) * width),
    );
    const overMean = layers.map((row) => (width * Math.max(...row)) / row.reduce((a, b) => a + b, 0));
    return overMean.reduce((a, b) => a + b, 0) / SMALL_MOE_LAYERS;
  };
  const [even, usual, more] = [0, 1, 3].map(most);
  expect(even).toBeLessThan(1.2);
  expect(usual).toBeGreaterThan(1.5 * even);
  expect(more).toBeGreaterThan(1.2 * usual);
  const rows = (source: RoutingSource) => {
    source.rows(source.admit(100), 0, 100, new Int32Array(100), 0);
    return [...source.experts];
  };
  const given = routingSources(SMALL_MODEL, 5, null, { skew: 1 })();
  expect(rows(given)).toEqual(rows(new SyntheticRouting(SMALL_MODEL, 5)));
  const skewed = routingSources(SMALL_MODEL, 5, null, { skew: 2 })();
  expect(rows(skewed)).not.toEqual(rows(given));
});

it("the load of later requests differs more than that of requests of the same time", () => {
  const source = new SyntheticRouting(SMALL_MODEL, 5);
  const halves = () => {
    const sums = [0, 1].map(() => new Float64Array(SMALL_MOE_LAYERS * SMALL_MODEL.experts));
    for (let request = 0; request < 400; request++) {
      const own = loadOf(source, SMALL_MODEL.experts, 1, 16);
      for (const [i, count] of own.entries()) sums[request % 2][i] += count;
    }
    return sums;
  };
  const [early, alsoEarly] = halves();
  loadOf(source, SMALL_MODEL.experts, HALF_TURN - 400, 0);
  const [late, alsoLate] = halves();
  const distance = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, count, i) => sum + Math.abs(count - b[i]), 0);
  const within = Math.max(distance(early, alsoEarly), distance(late, alsoLate));
  expect(Math.min(distance(early, late), distance(alsoEarly, alsoLate))).toBeGreaterThan(1.5 * within);
});

describe("rows", () => {
  const { experts: _, ...shape } = new SyntheticRouting(SMALL_MODEL, 9);
  const read = (source: SyntheticRouting, position: number, count: number) => {
    const rows = new Int32Array(count);
    source.rows({ base: 2048, offset: 1000, length: 1024, tenant: null }, position, count, rows, 0);
    return [...rows].map((row) => [
      ...source.experts.subarray(row * shape.rowStride, (row + 1) * shape.rowStride),
    ]);
  };

  it("are the same in whatever order they are asked for", () => {
    const [forwards, backwards] = [
      new SyntheticRouting(SMALL_MODEL, 9),
      new SyntheticRouting(SMALL_MODEL, 9),
    ];
    const positions = Array.from({ length: 100 }, (__, i) => i * 13);
    const one = positions.map((position) => read(forwards, position, 3));
    const other = positions.toReversed().map((position) => read(backwards, position, 3));
    expect(other.toReversed()).toEqual(one);
  });

  it("begin again after the last of their topic", () => {
    const source = new SyntheticRouting(SMALL_MODEL, 9);
    const rows = new Int32Array(4);
    source.rows({ base: 2048, offset: 1000, length: 1024, tenant: null }, 22, 4, rows, 0);
    expect([...rows]).toEqual([3070, 3071, 2048, 2049]);
  });

  it("are others with another seed", () => {
    expect(read(new SyntheticRouting(SMALL_MODEL, 10), 0, 20)).not.toEqual(
      read(new SyntheticRouting(SMALL_MODEL, 9), 0, 20),
    );
  });
});

it("a shift turns most requests to one topic, the next shift to another", () => {
  const source = new SyntheticRouting(SMALL_MODEL, 5);
  const most = () => {
    const topics = Array.from({ length: 500 }, () => source.admit(10).base);
    const counts = [...Map.groupBy(topics, (topic) => topic)].map(([topic, all]) => [topic, all.length]);
    return counts.toSorted(([, a], [, b]) => b - a)[0];
  };
  const [before, usual] = most();
  expect(usual).toBeLessThan(250);
  source.shift();
  const [first, count] = most();
  expect(count).toBeGreaterThan(375);
  source.shift();
  const [second] = most();
  expect(new Set([before, first, second]).size).toBe(3);
});

it("tenants have other topics after a shift", () => {
  const [source, other] = [new SyntheticRouting(SMALL_MODEL, 5), new SyntheticRouting(SMALL_MODEL, 5)];
  other.shift();
  for (let i = 0; i < 20; i++)
    expect(other.admit(10, `tenant ${i}`).base).not.toBe(source.admit(10, `tenant ${i}`).base);
});

it("a tenant keeps to one topic, and tenants have several", () => {
  const source = new SyntheticRouting(SMALL_MODEL, 5);
  const baseOf = (tenant: string) => source.admit(10, tenant).base;
  const bases = Array.from({ length: 40 }, (_, i) => baseOf(`tenant ${i}`));
  expect(Array.from({ length: 40 }, (_, i) => baseOf(`tenant ${i}`))).toEqual(bases);
  expect(new Set(bases).size).toBe(8);
});
