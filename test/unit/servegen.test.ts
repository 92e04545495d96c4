import { expect, it } from "vitest";
import { readServegenClient } from "../../src/formats/servegen/client.ts";
import { InputError } from "../../src/lib/errors.ts";

const TRACE = "0,0.5,1,Gamma,1,2\n600,0,0,,0,0\n";
const DATASET = '{"0":{"input_tokens":"{5: 1.0}","output_tokens":"{6: 1.0}"}}';

function read(trace: string, dataset: string) {
  const named = (source: string, text: string) => ({ source, bytes: Buffer.from(text) });
  return readServegenClient(3, named("t", trace), named("d", dataset));
}

it("has lengths of windows that have any, and parts that make 1", () => {
  const dataset =
    '{"0":{"input_tokens":"{}","output_tokens":"{6: 1.0}"},"600":{"input_tokens":"{0: 0.4996, 9: 0.5}","output_tokens":"{6: 1.0}"}}';
  const { lengths } = read(TRACE, dataset);
  expect(lengths.map(({ from }) => from)).toEqual([600]);
  expect(lengths[0].input.tokens).toEqual(Float64Array.of(1, 9));
  expect(lengths[0].input.parts[1]).toBe(1);
});

it.each([
  [
    "0,0.5,1,Gamma,1\n",
    DATASET,
    "t: line 1 is '0,0.5,1,Gamma,1'; expected seconds, rate, CV, Gamma or Weibull",
  ],
  ["0,0.5,1,Pareto,1,2\n", DATASET, "t: line 1 is '0,0.5,1,Pareto,1,2'; expected"],
  ["0,-1,1,Gamma,1,2\n", DATASET, "t: line 1 is '0,-1,1,Gamma,1,2'; expected"],
  ["0,1,1,Gamma,0,2\n", DATASET, "t: line 1 is '0,1,1,Gamma,0,2'; expected"],
  [
    "600,1,1,Gamma,1,2\n0,1,1,Gamma,1,2\n",
    DATASET,
    "t: line 2 is of 0 s, after 600 s; sort the lines by time",
  ],
  [
    "0,99999,1,Gamma,1,2\n6000,1,1,Gamma,1,2\n",
    DATASET,
    "t: line 2 ends a window of 6000 s at 99999 requests/s",
  ],
  [TRACE, "[]", "d: is not a JSON object"],
  [TRACE, '{"noon":{}}', "d: noon is an object; expected lengths from a second on"],
  [TRACE, '{"0":{"input_tokens":[1]}}', 'd: 0.input_tokens is a list of 1; expected "{tokens: part, …}"'],
  [TRACE, '{"0":{"input_tokens":"5: 1.0","output_tokens":"{}"}}', 'd: 0.input_tokens is "5: 1.0"; expected'],
  [
    TRACE,
    '{"0":{"input_tokens":"{5: x}","output_tokens":"{}"}}',
    "d: 0.input_tokens has '5: x'; expected tokens: part",
  ],
  [
    TRACE,
    '{"0":{"input_tokens":"{5: 0.5}","output_tokens":"{}"}}',
    "d: 0.input_tokens has parts that make 0.5; expected 1",
  ],
])("names what is wrong: %j %j", (trace, dataset, message) => {
  expect(() => read(trace, dataset)).toThrow(InputError);
  expect(() => read(trace, dataset)).toThrow(message);
});
