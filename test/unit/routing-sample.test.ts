import { describe, expect, it } from "vitest";
import { RoutingSample } from "../../src/core/load/routing-sample.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";

const [LAYERS, TOPK, CAPACITY] = [2, 3, 100];

/** Tokens `from .. to`, each with its own number in all its choices. */
function tokens(from: number, to: number): RoutingTrace {
  const width = LAYERS * TOPK;
  const experts = Int16Array.from({ length: (to - from) * width }, (_, i) => from + Math.floor(i / width));
  return { tokens: to - from, layers: LAYERS, topk: TOPK, experts };
}

function sample(seed = 1): RoutingSample {
  return new RoutingSample(LAYERS, TOPK, new Rng(seed), CAPACITY);
}

/** The tokens kept, of both halves; NaN for one that is not whole. */
function kept({ halves }: RoutingSample): number[] {
  const width = LAYERS * TOPK;
  return (halves ?? []).flatMap((half) =>
    Array.from({ length: half.tokens }, (_, token) => {
      const row = half.experts.subarray(token * width, (token + 1) * width);
      return row.every((expert) => expert === row[0]) ? row[0] : Number.NaN;
    }),
  );
}

describe("the routing sample", () => {
  it("is nothing at first, and everything until it is full", () => {
    const subject = sample();
    expect(subject.halves).toBeNull();
    subject.add(tokens(0, 60));
    subject.add(tokens(60, CAPACITY));
    expect(kept(subject).toSorted((a, b) => a - b)).toEqual(Array.from({ length: CAPACITY }, (_, i) => i));
  });

  it("comes in two halves of equally many different tokens", () => {
    const subject = sample();
    subject.add(tokens(0, 1));
    expect(subject.halves).toBeNull();
    subject.add(tokens(1, 7));
    const shape = { tokens: 3, layers: LAYERS, topk: TOPK };
    expect(subject.halves).toMatchObject([shape, shape]);
    expect(new Set(kept(subject)).size).toBe(6);
  });

  it.each([CAPACITY, 10 * CAPACITY])("has old and new tokens alike in both halves, %d tokens in", (seen) => {
    let lead = 0;
    const seeds = 200;
    for (let seed = 0; seed < seeds; seed++) {
      const subject = sample(seed);
      subject.add(tokens(0, seen));
      const held = kept(subject);
      for (const [i, token] of held.entries()) lead += i < CAPACITY / 2 ? token : -token;
    }
    expect(Math.abs(lead) / (seeds * CAPACITY * seen)).toBeLessThan(0.01);
  });

  it("never holds more than its capacity, and always the newest token", () => {
    const subject = sample();
    for (let from = 0; from < 5000; from += 10) {
      subject.add(tokens(from, from + 10));
      const held = kept(subject);
      expect(new Set(held).size).toBe(Math.min(from + 10, CAPACITY));
      expect(held).toContain(from + 9);
      expect(held).not.toContain(Number.NaN);
    }
  });

  it("keeps a part of 1/e of what is a capacity old", () => {
    let young = 0;
    const seeds = 200;
    for (let seed = 0; seed < seeds; seed++) {
      const subject = sample(seed);
      subject.add(tokens(0, 10 * CAPACITY));
      young += kept(subject).filter((token) => token >= 9 * CAPACITY).length;
    }
    expect(young / (seeds * CAPACITY)).toBeCloseTo(1 - 1 / Math.E, 2);
  });

  it("is the same from the same seed", () => {
    const [a, b, other] = [sample(5), sample(5), sample(6)];
    for (const subject of [a, b, other]) subject.add(tokens(0, 1000));
    expect(a.halves).toEqual(b.halves);
    expect(a.halves).not.toEqual(other.halves);
  });
});
