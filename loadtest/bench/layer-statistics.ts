import { z } from "zod";
import { checkShape } from "../../src/config/check-shape.ts";
import { readJsonObject } from "../../src/formats/json.ts";
import type { Rng } from "../../src/lib/rng.ts";
import type { ExpertLoad } from "../../src/model/load.ts";

/** Selections of a layer in the loads that are drawn: 65,536 tokens, top-8. */
const SELECTIONS = 65_536 * 8;

/** Of one layer: experts counted by their load in units of the mean, `[low, high, experts]`. */
type Histogram = readonly (readonly [low: number, high: number, experts: number])[];

const statisticsSchema = z.looseObject({
  layers: z.record(
    z.string(),
    z.looseObject({
      cf_bins: z.array(z.tuple([z.number().min(0), z.number(), z.int().min(0)])).min(1),
    }),
  ),
});

/** Reads published statistics of a model's layers, in the file's order. */
export function readLayerHistograms(bytes: Uint8Array, source: string): Histogram[] {
  const { layers } = checkShape(statisticsSchema, readJsonObject(bytes, source), () => source);
  return Object.values(layers).map((layer) => layer.cf_bins);
}

/**
 * A load that has these histograms. Within its bin an expert's load is low + (high − low) · u², u uniform: the
 * lower part of a bin holds more, as its neighbours suggest. Experts stand in random order.
 */
export function drawLoad(histograms: readonly Histogram[], rng: Rng): ExpertLoad {
  const rows = histograms.map((histogram) => {
    const row = histogram.flatMap(([low, high, count]) =>
      Array.from({ length: count }, () => low + (high - low) * rng.uniform() ** 2),
    );
    for (let i = row.length - 1; i > 0; i--) {
      const j = rng.below(i + 1);
      [row[i], row[j]] = [row[j], row[i]];
    }
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((part) => (part * SELECTIONS) / sum);
  });
  return { layers: rows.length, experts: rows[0].length, tokens: Float64Array.from(rows.flat()) };
}
