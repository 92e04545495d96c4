import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, it } from "vitest";
import { LoadForecaster } from "../../src/core/load/load-forecaster.ts";
import { Rng } from "../../src/lib/rng.ts";
import { runs } from "../runs.ts";

const [LAYERS, EXPERTS, HORIZON_MS] = [2, 8, 1000];

/** Windows of any length and traffic, now and then without tokens, of a load that may jump. */
const histories = fc
  .record({
    spans: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 60 }),
    scale: fc.constantFrom(1, 100, 1e7),
    jumps: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ spans, scale, jumps, seed }) => {
    const rng = new Rng(seed);
    const draw = () => Float64Array.from({ length: LAYERS * EXPERTS }, () => Math.exp(rng.normal()));
    const [before, after] = [draw(), draw()];
    return spans.map((spanMs, i) => {
      const traffic = rng.below(8) === 0 ? 0 : scale * rng.uniform();
      const means = jumps && i > spans.length / 2 ? after : before;
      return { spanMs, tokens: means.map((mean) => Math.round(traffic * mean * rng.uniform())) };
    });
  });

type History = readonly { readonly spanMs: number; readonly tokens: Float64Array }[];

function forecastAfter(history: History) {
  const forecaster = new LoadForecaster(LAYERS, EXPERTS, HORIZON_MS);
  for (const { spanMs, tokens } of history) {
    forecaster.observe({ layers: LAYERS, experts: EXPERTS, tokens }, spanMs);
  }
  return forecaster.forecast();
}

const PARAMETERS = { seed: 17, numRuns: runs(300) };

it("a forecast is a load, and within the rates that were seen in all", () => {
  fc.assert(
    fc.property(histories, (history) => {
      const { mean, deviation } = forecastAfter(history);
      for (const value of [...mean.tokens, ...deviation]) {
        assert.ok(Number.isFinite(value));
        assert.ok(value >= 0);
      }
      const rates = history
        .map(({ spanMs, tokens }) => (tokens.reduce((sum, count) => sum + count, 0) / spanMs) * 1000)
        .filter((rate) => rate > 0);
      const [least, most] = rates.length === 0 ? [0, 0] : [Math.min(...rates), Math.max(...rates)];
      const total = mean.tokens.reduce((sum, rate) => sum + rate, 0);
      expect(total).toBeGreaterThanOrEqual(0.999999 * least);
      expect(total).toBeLessThanOrEqual(1.000001 * most);
    }),
    PARAMETERS,
  );
});

it("experts that change their numbers change their forecasts' places, and nothing else", () => {
  const turned = (values: Float64Array) =>
    values.map((_, i) => values[Math.floor(i / EXPERTS) * EXPERTS + ((i + 3) % EXPERTS)]);
  fc.assert(
    fc.property(histories, (history) => {
      const { mean, deviation } = forecastAfter(history);
      const other = forecastAfter(history.map(({ spanMs, tokens }) => ({ spanMs, tokens: turned(tokens) })));
      const close = (a: Float64Array, b: Float64Array) =>
        a.every((value, i) => Math.abs(value - b[i]) <= 1e-6 * (1 + value));
      expect(close(turned(mean.tokens), other.mean.tokens)).toBe(true);
      expect(close(turned(deviation), other.deviation)).toBe(true);
    }),
    PARAMETERS,
  );
});
