import { describe, expect, it } from "vitest";
import { LoadTracker } from "../../src/core/load/load-tracker.ts";

const load = (...tokens: readonly number[]) => ({ layers: 1, experts: 2, tokens: Float64Array.from(tokens) });

describe("the load tracker", () => {
  it("knows nothing at first", () => {
    const tracker = new LoadTracker(1, 2, 1000);
    expect(tracker.warm).toBe(false);
    expect(tracker.forecast()).toEqual(load(0, 0));
  });

  it("forecasts tokens per second from the first window on", () => {
    const tracker = new LoadTracker(1, 2, 1000);
    tracker.observe(load(30, 5), 500);
    expect(tracker.warm).toBe(true);
    const { tokens } = tracker.forecast();
    expect(tokens[0]).toBeCloseTo(60, 9);
    expect(tokens[1]).toBeCloseTo(10, 9);
  });

  it("stays on a constant rate, whatever the windows' lengths", () => {
    const tracker = new LoadTracker(1, 2, 1000);
    for (const spanMs of [1, 500, 20, 3000, 7]) {
      tracker.observe(load(spanMs * 0.1, spanMs * 0.002), spanMs);
      const { tokens } = tracker.forecast();
      expect(tokens[0]).toBeCloseTo(100, 9);
      expect(tokens[1]).toBeCloseTo(2, 9);
    }
  });

  it("has come half-way to a new rate after its half-life", () => {
    const tracker = new LoadTracker(1, 2, 1000);
    tracker.observe(load(1e6, 0), 1e6);
    for (let i = 0; i < 4; i++) tracker.observe(load(0, 25), 250);
    const { tokens } = tracker.forecast();
    expect(tokens[0]).toBeCloseTo(500, 6);
    expect(tokens[1]).toBeCloseTo(50, 6);
  });

  it("takes one long window for what many short ones of the same rate are", () => {
    const [long, short] = [new LoadTracker(1, 2, 700), new LoadTracker(1, 2, 700)];
    for (const tracker of [long, short]) tracker.observe(load(8, 1), 400);
    long.observe(load(10, 90), 1000);
    for (let i = 0; i < 10; i++) short.observe(load(1, 9), 100);
    const [a, b] = [long.forecast().tokens, short.forecast().tokens];
    expect(a[0]).toBeCloseTo(b[0], 9);
    expect(a[1]).toBeCloseTo(b[1], 9);
  });

  it("hands out copies", () => {
    const tracker = new LoadTracker(1, 2, 1000);
    tracker.observe(load(1, 2), 1000);
    tracker.forecast().tokens.fill(99);
    expect(tracker.forecast().tokens[1]).toBeCloseTo(2, 9);
  });
});
