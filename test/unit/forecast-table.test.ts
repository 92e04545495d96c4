import { expect, it } from "vitest";
import { forecastTable } from "../../loadtest/bench/placement/forecast.ts";
import { pool } from "../../loadtest/bench/pools.ts";
import { syntheticTokens } from "../../loadtest/bench/routed-tokens.ts";
import { Rng } from "../../src/lib/rng.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";

it("the benchmark's forecasts are scored on the windows that follow", () => {
  const stream = syntheticTokens(SMALL_MODEL, 60_000, 1, new Rng(1));
  const input = {
    model: SMALL_MODEL,
    loads: [],
    stream,
    groups: SMALL_MODEL.groups,
    source: { loads: "none", stream: "synthetic" },
  };
  const sizes = { pools: [pool(40, 4)], windows: [1500], active: [1, 16] };
  const { rows } = forecastTable({ input, seed: 1, progress: () => {} }, sizes);
  expect(rows.map(([active, window, name]) => [active, window, name])).toEqual(
    [1, 16].flatMap((active) =>
      [
        "last window",
        "average, half-life 1",
        expect.stringMatching(/^best average, half-life/),
        "Plimsoll",
      ].map((name) => [active, 1500, name]),
    ),
  );
  for (const group of [rows.slice(0, 4), rows.slice(4)]) {
    const [last, , best, ours] = group.map((row) => Number(row[3]));
    expect(best).toBeLessThan(last);
    expect(ours).toBeLessThan(1.05 * best);
    for (const row of group) {
      expect(row[4]).toBeGreaterThan(0.5);
      expect(row[4]).toBeLessThanOrEqual(1);
    }
    expect(group[3][5]).toBeGreaterThan(0.9);
    expect(group[3][5]).toBeLessThan(1);
  }
});
