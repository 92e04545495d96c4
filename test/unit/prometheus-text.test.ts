import { describe, expect, test } from "vitest";
import { metricSamples } from "../../src/formats/prometheus-text.ts";

function read(text: string, ...names: string[]) {
  return metricSamples(text, new Set(names)).map(({ name, labels, value }) => [
    name,
    Object.fromEntries(labels),
    value,
  ]);
}

describe("Prometheus text", () => {
  test("reads the wanted metrics and no others", () => {
    const text =
      '# HELP a Number of a.\n# TYPE a gauge\na 1\nab 2\nb{x="1"} 3.5\nb{x="2",y="z"} 4e-3 1700000000000\n';
    expect(read(text, "a", "b")).toEqual([
      ["a", {}, 1],
      ["b", { x: "1" }, 3.5],
      ["b", { x: "2", y: "z" }, 0.004],
    ]);
  });

  test.each([
    ["a NaN", Number.NaN],
    ["a +Inf", Number.POSITIVE_INFINITY],
    ["a -Inf", Number.NEGATIVE_INFINITY],
    ["a\t-.5", -0.5],
    ["a 1.234567e+06", 1_234_567],
    ["a{} 1", 1],
  ])("reads %s", (line, value) => {
    expect(read(`${line}\r\n`, "a")).toEqual([["a", {}, value]]);
  });

  test("undoes what is escaped in a label, commas and braces included", () => {
    const text = String.raw`a{ x = "q\"b\\n\n{,}" , y="" , } 1`;
    expect(read(text, "a")).toEqual([["a", { x: 'q"b\\n\n{,}', y: "" }, 1]]);
  });

  test.each([
    "a",
    "a ",
    "a{",
    "a{x}",
    'a{x="1}',
    'a{x="1"',
    'a{x="1"}',
    'a{x="1" y="2"} 1',
    "a one",
    "a 0x10",
    "a 1 2 3",
    "a1",
    "a{x='1'} 1",
  ])("passes over `%s`", (line) => {
    expect(read(`${line}\na 7\n`, "a")).toEqual([["a", {}, 7]]);
  });
});
