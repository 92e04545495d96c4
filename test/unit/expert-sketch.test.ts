import { describe, expect, it } from "vitest";
import { ExpertSketch, type RequestOrigin } from "../../src/core/load/expert-sketch.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";

const [LAYERS, EXPERTS, TOPK] = [2, 8, 2];
const ROW_BYTES = LAYERS * EXPERTS * 4;

/** Tokens that choose the same two experts at every layer. */
function tokensOf(experts: readonly [number, number], tokens: number): RoutingTrace {
  const ids = Int16Array.from({ length: tokens * LAYERS * TOPK }, (_, i) => experts[i % TOPK]);
  return { tokens, layers: LAYERS, topk: TOPK, experts: ids };
}

function origin(tenant: string | null, prefix: string | null = null): RequestOrigin {
  return { prefix, tenant };
}

function predicted(sketch: ExpertSketch, of: RequestOrigin): Float64Array {
  const out = new Float64Array(LAYERS * EXPERTS);
  sketch.predict(of, out);
  return out;
}

function roomy(): ExpertSketch {
  return new ExpertSketch(LAYERS, EXPERTS, TOPK, 100 * ROW_BYTES);
}

describe("an expert sketch", () => {
  it("takes every expert to be as likely while it knows nothing", () => {
    expect([...predicted(roomy(), origin("a", "p"))]).toEqual(
      Array.from({ length: LAYERS * EXPERTS }, () => TOPK / EXPERTS),
    );
  });

  it("expects topk selections of every layer, whatever it has seen", () => {
    const sketch = roomy();
    sketch.observe(origin("a", "p"), tokensOf([0, 1], 300));
    sketch.observe(origin("b", null), tokensOf([2, 3], 5000));
    for (const who of [origin("a", "p"), origin("a"), origin("b", "new"), origin(null)]) {
      const prediction = predicted(sketch, who);
      for (let layer = 0; layer < LAYERS; layer++) {
        const row = prediction.subarray(layer * EXPERTS, (layer + 1) * EXPERTS);
        expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(TOPK, 4);
      }
    }
  });

  it("knows a prefix better than its tenant, the tenant better than the pool", () => {
    const sketch = roomy();
    sketch.observe(origin("a", "p"), tokensOf([0, 1], 1000));
    sketch.observe(origin("a", "q"), tokensOf([2, 3], 1000));
    sketch.observe(origin("b"), tokensOf([4, 5], 2000));
    const first = (of: RequestOrigin) => predicted(sketch, of)[0];
    expect(first(origin("a", "p"))).toBeGreaterThan(0.9);
    expect(first(origin("a"))).toBeCloseTo(0.5, 1);
    expect(first(origin(null))).toBeCloseTo(0.25, 1);
    // Who was never seen is taken for the next wider group.
    expect(predicted(sketch, origin("a", "new"))).toEqual(predicted(sketch, origin("a")));
    expect(predicted(sketch, origin("new"))).toEqual(predicted(sketch, origin(null)));
  });

  it("believes a few tokens of a prefix little", () => {
    const sketch = roomy();
    sketch.observe(origin("a"), tokensOf([2, 3], 2000));
    sketch.observe(origin("a", "p"), tokensOf([0, 1], 4));
    const few = predicted(sketch, origin("a", "p"))[0];
    sketch.observe(origin("a", "p"), tokensOf([0, 1], 400));
    expect(few).toBeLessThan(0.1);
    expect(predicted(sketch, origin("a", "p"))[0]).toBeGreaterThan(0.8);
  });

  it("forgets: what was long ago counts less than what was last", () => {
    const sketch = roomy();
    sketch.observe(origin("a"), tokensOf([0, 1], 20_000));
    for (let i = 0; i < 100; i++) sketch.observe(origin("a"), tokensOf([2, 3], 200));
    const [old, , recent] = predicted(sketch, origin("a"));
    expect(recent).toBeGreaterThan(1.5 * old);
    expect(old).toBeGreaterThan(0.1);
  });

  it("counts no selection for −1", () => {
    const sketch = roomy();
    const trace = tokensOf([0, 1], 500);
    trace.experts.fill(-1);
    sketch.observe(origin("a"), trace);
    expect(Math.max(...predicted(sketch, origin("a")))).toBeLessThan(0.1);
  });

  it("forgets the tenant unused longest when its bytes are used up", () => {
    // The pool's row and two more.
    const sketch = new ExpertSketch(LAYERS, EXPERTS, TOPK, 3 * ROW_BYTES);
    sketch.observe(origin("a"), tokensOf([0, 1], 1000));
    sketch.observe(origin("b"), tokensOf([2, 3], 1000));
    // Asked for last: it is b's turn to make way.
    predicted(sketch, origin("a"));
    sketch.observe(origin("c"), tokensOf([4, 5], 1000));
    expect(predicted(sketch, origin("b"))).toEqual(predicted(sketch, origin(null)));
    expect(predicted(sketch, origin("a"))[0]).toBeGreaterThan(0.9);
    expect(predicted(sketch, origin("c"))[4]).toBeGreaterThan(0.9);
    // Nothing of the row's last tenant is left in it.
    expect(predicted(sketch, origin("c"))[2]).toBeLessThan(0.1);
  });

  it("needs room for the pool, a tenant and a prefix", () => {
    expect(() => new ExpertSketch(LAYERS, EXPERTS, TOPK, 3 * ROW_BYTES - 1)).toThrow(RangeError);
  });
});
