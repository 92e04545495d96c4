import { describe, expect, it } from "vitest";
import { sumWindows } from "../../src/core/load/sum-windows.ts";
import {
  readExpertLoads,
  readLoadHistory,
  readLogicalCount,
  writeLoadHistory,
  writeLogicalCount,
} from "../../src/formats/expert-load.ts";
import { InputError } from "../../src/lib/errors.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const LOAD = { layers: 2, experts: 3, tokens: new Float64Array([1, 2.5, 0, 4, 5, 6]) };
const OTHER = { ...LOAD, tokens: new Float64Array([6, 5, 4, 3, 2, 1]) };

describe("an expert load file", () => {
  it("is a history of windows", () => {
    const text =
      '{"load_history":[{"logical_expert_load":[[1,2.5,0],[4,5,6]]},{"logical_expert_load":[[6,5,4],[3,2,1]]}]}';
    expect(readExpertLoads(encode(text), "load.json")).toEqual({ windows: [LOAD, OTHER], layers: null });
    expect(writeLoadHistory([LOAD, OTHER])).toBe(`${text}\n`);
  });

  it("or one matrix", () => {
    const text = '{"logical_count":[[1,2.5,0],[4,5,6]]}';
    expect(readExpertLoads(encode(text), "load.json")).toEqual({ windows: [LOAD], layers: null });
    expect(writeLogicalCount(LOAD, [0, 1], 2)).toBe(`${text}\n`);
  });

  it("is read as the form that was asked for", () => {
    const history = encode(writeLoadHistory([LOAD]));
    const count = encode(writeLogicalCount(LOAD, [0, 1], 2));
    expect(readLoadHistory(history, "f").windows).toEqual([LOAD]);
    expect(readLogicalCount(count, "f").windows).toEqual([LOAD]);
    expect(() => readLoadHistory(count, "f")).toThrow("f: load_history is not a list of windows");
    expect(() => readLogicalCount(history, "f")).toThrow("f: logical_count is missing");
  });

  it.each([
    ["[[1,2],[3,-4]]", "logical_count[1][1] is -4; expected a finite number ≥ 0"],
    ["[[1,2],[NaN,4]]", 'logical_count[1][0] is "NaN"'],
    ["[[1, Infinity],[3,4]]", 'logical_count[0][1] is "Infinity"'],
    ["[[1,-Infinity],[3,4]]", 'logical_count[0][1] is "-Infinity"'],
    ["[[1,1e999],[3,4]]", "logical_count[0][1] is Infinity"],
    ['[[1,"2"],[3,4]]', 'logical_count[0][1] is "2"'],
    ["[[1,null],[3,4]]", "logical_count[0][1] is null"],
    ["[[1,2],[3]]", "logical_count[1] has 1 entries; expected 2 as in logical_count[0]"],
    ["[[1,2],3]", "logical_count[1] is 3; expected a list"],
    ["[[],[]]", "logical_count[0] is []"],
    ["[]", "logical_count is []"],
    ["7", "logical_count is 7"],
  ])("names the entry at fault in %s", (matrix, message) => {
    const read = () => readExpertLoads(encode(`{"logical_count":${matrix}}`), "load.json");
    expect(read).toThrow(InputError);
    expect(read).toThrow(`load.json: ${message}`);
  });

  it.each([
    ['{"load_history":[]}', "load_history is not a list of windows"],
    ['{"load_history":[[[1]]]}', "load_history[0] is not"],
    ['{"load_history":[{}]}', "load_history[0].logical_expert_load is missing"],
    [
      '{"load_history":[{"logical_expert_load":[[1]]},{"logical_expert_load":[[1,2]]}]}',
      "load_history[1].logical_expert_load is 1 × 2; expected 1 × 1 as in the first window",
    ],
    ['{"load_history":[{"logical_expert_load":[[-1]]}]}', "load_history[0].logical_expert_load[0][0] is -1"],
    ['{"counts":[[1]]}', "has neither load_history nor logical_count"],
    ["[[1]]", "is not a JSON object"],
    ['{"logical_count":[[1', "is not JSON"],
  ])("says what is wrong with %s", (text, message) => {
    expect(() => readExpertLoads(encode(text), "load.json")).toThrow(`load.json: ${message}`);
  });

  it("is text", () => {
    expect(() => readExpertLoads(new Uint8Array([0x7b, 0xff, 0xfe]), "load.json")).toThrow(
      "load.json: is not UTF-8",
    );
  });
});

it("windows are summed entry by entry", () => {
  expect(sumWindows([LOAD, OTHER, OTHER])).toEqual({
    ...LOAD,
    tokens: new Float64Array([13, 12.5, 8, 10, 9, 8]),
  });
  expect(LOAD.tokens[0]).toBe(1);
});
