import { expect, it } from "vitest";
import { pacedTraffic } from "../../src/cli/paced-traffic.ts";

const trace = [0, 100, 200, 300, 600].map((arrivalMs, i) => ({ arrivalMs, inputTokens: i, outputTokens: 1 }));

it("is the trace as it is, as long as nobody changes the pace", () => {
  expect([...pacedTraffic(trace, () => 1)]).toEqual(trace);
});

it("makes the gaps behind a change shorter or longer, and loses no request", () => {
  const factors = [1, 1, 2, 2, 0.5];
  let asked = 0;
  const paced = [...pacedTraffic(trace, () => factors[asked++])];
  expect(paced.map(({ arrivalMs }) => arrivalMs)).toEqual([0, 100, 150, 200, 800]);
  expect(paced.map(({ inputTokens }) => inputTokens)).toEqual([0, 1, 2, 3, 4]);
});
