import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { TokenDraw } from "../../src/twin/token-draw.ts";
import { TraceRouting } from "../../src/twin/trace-routing.ts";

const SIZE = 8;
/** Token t chooses experts 2t and 2t + 1 in its first layer, 1000 more in its second. */
const TOKENS = 100;
const routing = new TraceRouting({
  tokens: TOKENS,
  layers: 2,
  topk: 2,
  experts: Int16Array.from(
    { length: TOKENS * 4 },
    (_, i) => 2 * Math.floor(i / 4) + (i % 2) + (i % 4 < 2 ? 0 : 1000),
  ),
});
const rows = Int32Array.from({ length: TOKENS }, (_, row) => row);

/** The rows that were drawn when steps of so many tokens each came by. */
function drawn(draw: TokenDraw, steps: readonly number[]): number[] {
  let at = 0;
  for (const tokens of steps) {
    draw.offer(rows.subarray(at), tokens);
    at += tokens;
  }
  const { tokens, experts } = draw.take(routing, 2);
  return Array.from({ length: tokens }, (_, token) => experts[token * 4] / 2);
}

describe("the tokens drawn from a window", () => {
  it("have all their choices, at every layer of the model", () => {
    const draw = new TokenDraw(new Rng(1), SIZE);
    draw.offer(rows.subarray(7), 1);
    expect(draw.take(routing, 3)).toEqual({
      tokens: 1,
      layers: 3,
      topk: 2,
      experts: Int16Array.of(14, 15, 1014, 1015, 14, 15),
    });
  });

  it("are all of them while there are few", () => {
    expect(drawn(new TokenDraw(new Rng(1), SIZE), [3, 0, 5])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("are so many different ones, of this window only", () => {
    const draw = new TokenDraw(new Rng(1), SIZE);
    for (let window = 0; window < 50; window++) {
      const tokens = drawn(draw, [1, 40, 2, 57]);
      expect(new Set(tokens).size).toBe(SIZE);
    }
    expect(drawn(draw, [2])).toEqual([0, 1]);
  });

  it("are drawn evenly, however the steps cut the window", () => {
    const windows = 4000;
    for (const steps of [[100], [10, 1, 30, 9, 50]]) {
      const draw = new TokenDraw(new Rng(2), SIZE);
      const counts = new Float64Array(TOKENS);
      for (let window = 0; window < windows; window++)
        for (const token of drawn(draw, steps)) counts[token]++;
      const mean = (windows * SIZE) / TOKENS;
      // Binomial: 99 degrees of freedom less the part that drawing without replacement takes off.
      const chiSquare = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
      expect(chiSquare).toBeGreaterThan(50);
      expect(chiSquare).toBeLessThan(150);
    }
  });

  it("are the same from the same seed", () => {
    const draws = [3, 3, 4].map((seed) => drawn(new TokenDraw(new Rng(seed), SIZE), [TOKENS]));
    expect(draws[0]).toEqual(draws[1]);
    expect(draws[0]).not.toEqual(draws[2]);
  });
});
