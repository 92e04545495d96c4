import fc from "fast-check";
import { test } from "vitest";
import { type MetricSample, metricSamples } from "../../src/formats/prometheus-text.ts";

const seed = 20_261_123;
const name = fc.constantFrom("a", "b:c", "_d1");
const wanted = new Set(["a", "b:c", "_d1"]);
const labels = fc.dictionary(fc.stringMatching(/^[a-z_][a-z0-9_]{0,3}$/), fc.string({ unit: "binary" }), {
  maxKeys: 3,
});

function written(metric: string, of: Record<string, string>, value: number): string {
  const list = Object.entries(of).map(([key, text]) => {
    const escaped = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${key}="${escaped}"`;
  });
  return `${metric}{${list.join(",")}} ${value}\n`;
}

function same(sample: MetricSample, metric: string, of: Record<string, string>, value: number): boolean {
  const read = JSON.stringify([sample.name, [...sample.labels], sample.value]);
  return read === JSON.stringify([metric, Object.entries(of), value]);
}

test("what was written is read back, whatever the labels hold", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
  const sample = fc.tuple(name, labels, number);
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 5 }), (samples) => {
      const read = metricSamples(samples.map((one) => written(...one)).join(""), wanted);
      return read.length === samples.length && read.every((one, i) => same(one, ...samples[i]));
    }),
    { seed },
  );
});

test("any text is read to its end, and only wanted metrics come of it", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("a", "{", "}", '"', "\\", "=", ",", " ", "\n", "1", "NaN", "x"),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) =>
      metricSamples(pieces.join(""), wanted).every((sample) => wanted.has(sample.name)),
    ),
    { seed },
  );
});
