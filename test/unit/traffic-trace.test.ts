import { describe, expect, it } from "vitest";
import { readTrace } from "../../src/formats/trace.ts";
import { InputError } from "../../src/lib/errors.ts";

const read = (text: string) => readTrace(new TextEncoder().encode(text), "trace");
const azure = (...rows: readonly string[]) =>
  ["TIMESTAMP,ContextTokens,GeneratedTokens", ...rows].join("\r\n");
const arrivals = (text: string) => read(text).map((request) => request.arrivalMs);

describe("an Azure trace", () => {
  it("has seven fractional digits, CRLF and no final newline", () => {
    const [first, second, third] = read(
      azure(
        "2023-11-16 18:15:46.6805900,374,44",
        "2023-11-16 18:15:50.9951690,396,109",
        "2023-11-16 18:15:51.2224671,1,2",
      ),
    );
    expect(first).toEqual({ arrivalMs: 0, inputTokens: 374, outputTokens: 44 });
    expect(second).toMatchObject({ inputTokens: 396, outputTokens: 109 });
    expect(second.arrivalMs).toBeCloseTo(4314.579, 3);
    expect(third.arrivalMs).toBeCloseTo(4541.8771, 3);
  });

  it("may end in a newline, use bare line feeds, a zone of +00:00 or no fraction", () => {
    const text = azure("2024-05-10 00:00:00.009930+00:00,5,6", "2024-05-10 00:00:01+00:00,7,8").replaceAll(
      "\r",
      "",
    );
    expect(arrivals(`${text}\n`)).toEqual([0, expect.closeTo(990.07, 3)]);
  });

  it("may put a T between day and time, and a Z behind it", () => {
    expect(arrivals(azure("2024-10-15T00:00:00.25Z,5,6", "2024-10-15T00:00:01Z,7,8"))).toEqual([0, 750]);
  });

  it("may name any zone", () => {
    const text = azure(
      "2024-05-10 02:00:00.5+02:00,1,1",
      "2024-05-09 19:00:01-0500,1,1",
      "2024-05-10 05:30:02 +05:30,1,1",
      "2024-05-10 00:00:03 UTC,1,1",
    );
    expect(arrivals(text)).toEqual([0, 500, 1500, 2500]);
  });

  it("may have blanks, quotes with commas and quotes in them, and whole numbers with a point", () => {
    const text = [
      'TIMESTAMP,"Context""Region",ContextTokens, GeneratedTokens',
      '2024-05-10 00:00:00,"West, ""US""", 374 ,44.0',
      ' "2024-05-10 00:00:01" ,East,"375.",45',
    ].join("\n");
    expect(read(text)).toEqual([
      { arrivalMs: 0, inputTokens: 374, outputTokens: 44 },
      { arrivalMs: 1000, inputTokens: 375, outputTokens: 45 },
    ]);
  });

  it.each([";", "\t"])("may have its cells parted by %j", (sign) => {
    const text = azure("2024-05-10 00:00:00.5,374,44", '"2024-05-10 00:00:01",375,"45"');
    expect(read(text.replaceAll(",", sign))).toEqual([
      { arrivalMs: 0, inputTokens: 374, outputTokens: 44 },
      { arrivalMs: 500, inputTokens: 375, outputTokens: 45 },
    ]);
  });

  it("may have millions of letters in quotes", () => {
    const long = `"${'a""'.repeat(1 << 20)}"`;
    const text = `x,TIMESTAMP,ContextTokens,GeneratedTokens\n${long},2024-05-10 00:00:00,374,44\n`;
    expect(read(text)).toEqual([{ arrivalMs: 0, inputTokens: 374, outputTokens: 44 }]);
  });

  it.each([
    ["2023-12-31 23:59:59.5", "2024-01-01 00:00:00.25", 750],
    ["2024-02-28 00:00:00", "2024-03-01 00:00:00", 2 * 86_400_000],
    ["2023-02-28 00:00:00", "2023-03-01 00:00:00", 86_400_000],
    ["2000-01-01 00:00:00", "2023-11-16 18:15:46", Date.UTC(2023, 10, 16, 18, 15, 46) - Date.UTC(2000, 0, 1)],
  ])("counts %s to %s by the calendar", (from, to, gapMs) => {
    expect(arrivals(azure(`${from},1,1`, `${to},1,1`))).toEqual([0, gapMs]);
  });

  it("keeps the order of equal times, and is refused where time goes backwards", () => {
    const rows = ["2023-11-16 00:00:01,1,1", "2023-11-16 00:00:01,2,1", "2023-11-16 00:00:02,3,1"];
    expect(read(azure(...rows)).map((request) => request.inputTokens)).toEqual([1, 2, 3]);
    const back = azure(...rows, "2023-11-16 00:00:01.9999999,4,1");
    expect(() => read(back)).toThrow(InputError);
    expect(() => read(back)).toThrow(
      "trace: line 5 TIMESTAMP is '2023-11-16 00:00:01.9999999', earlier than the line before; sort the rows by time",
    );
  });

  it.each([
    ["2023-11-16 18:15:46.68,374", "line 3 has 2 fields"],
    ["2023-11-16 18:15:46.68,374,44,1", "line 3 has 4 fields"],
    ["2023-11-16 18:1", "line 3 has 1 fields"],
    ["", "line 3 has 1 fields"],
    ["16/11/2023,374,44", "line 3 TIMESTAMP is '16/11/2023'"],
    ["2023-13-16 18:15:46,374,44", "line 3 TIMESTAMP"],
    ["2023-11-16 24:15:46,374,44", "line 3 TIMESTAMP"],
    ["2023-11-16 18:15:46,-374,44", "line 3 ContextTokens is '-374'; expected tokens, in 1..4194304"],
    ["2023-11-16 18:15:46,374,4.5", "line 3 GeneratedTokens is '4.5'"],
    ["2023-11-16 18:15:46,374,0", "line 3 GeneratedTokens is '0'"],
    ["2023-11-16 18:15:46,0,44", "line 3 ContextTokens is '0'"],
    ["2023-11-16 18:15:46,many,44", "line 3 ContextTokens is 'many'"],
    ['2023-11-16 18:15:46,"374,44', "line 3 ContextTokens is '\"374'"],
    ["2023-11-16 18:15:46,4194305,44", "line 3 ContextTokens is '4194305'"],
  ])("names the line of %s", (row, message) => {
    const text = azure("2023-11-16 18:15:40,1,1", row, "2023-11-16 18:15:50,1,1");
    expect(() => read(text)).toThrow(InputError);
    expect(() => read(text)).toThrow(`trace: ${message}`);
  });
});

describe("a Mooncake trace", () => {
  const line = (timestamp: number, input = 10) =>
    JSON.stringify({ timestamp, input_length: input, output_length: 5, hash_ids: [0, 7] });

  it("has lengths and prefix blocks", () => {
    expect(read(`${line(0)}\n`)).toEqual([
      { arrivalMs: 0, inputTokens: 10, outputTokens: 5, prefixBlocks: [0, 7] },
    ]);
  });

  it("spreads equal timestamps evenly until the next, the last over 3 s", () => {
    const text = [line(1000), line(1000), line(1000), line(4000), line(7500), line(7500)].join("\n");
    expect(arrivals(text)).toEqual([0, 1000, 2000, 3000, 6500, 8000]);
  });

  it("keeps the order of equal timestamps, and is refused where time goes backwards", () => {
    const rows = [line(0, 1), line(0, 2), "", line(3000, 3)];
    expect(read(rows.join("\n")).map((request) => request.inputTokens)).toEqual([1, 2, 3]);
    const back = [...rows, line(2999, 4)].join("\n");
    expect(() => read(back)).toThrow(InputError);
    expect(() => read(back)).toThrow(
      "trace: line 5 timestamp is 2999, earlier than 3000 before it; sort the lines by time",
    );
  });

  it("needs no prefix blocks", () => {
    expect(read('{"timestamp":0,"input_length":1,"output_length":1}')[0]).not.toHaveProperty("prefixBlocks");
  });

  it.each([
    ['{"timestamp":0,"input_length":1,"output_l', "line 2 is not JSON"],
    ["[0,1,1]", "line 2 is not a JSON object"],
    ['{"input_length":1,"output_length":1}', "line 2 timestamp is missing"],
    ['{"timestamp":-1,"input_length":1,"output_length":1}', "line 2 timestamp is -1"],
    ['{"timestamp":0,"input_length":1.5,"output_length":1}', "line 2 input_length is 1.5"],
    ['{"timestamp":0,"input_length":1,"output_length":0}', "line 2 output_length is 0"],
    ['{"timestamp":0,"input_length":-5,"output_length":1}', "line 2 input_length is -5"],
    ['{"timestamp":"noon","input_length":1,"output_length":1}', "line 2 timestamp is"],
    ['{"timestamp":0,"input_length":1,"output_length":1,"hash_ids":[-1]}', "line 2 hash_ids"],
  ])("names the line of %s", (row, message) => {
    expect(() => read(`${line(0)}\n${row}\n`)).toThrow(`trace: ${message}`);
  });
});

describe("a file that is neither", () => {
  it.each(["", "\n", "a,b,c\n1,2,3\n", "[1,2]"])("is refused: %j", (text) => {
    expect(() => read(text)).toThrow("trace: line 1 begins neither an Azure trace");
  });

  it("and says that a file is empty", () => {
    expect(() => read("")).toThrow("for the file is empty; expected one of them");
    expect(() => read("a,b\n")).not.toThrow("for the file is empty");
  });

  it("or holds no request", () => {
    expect(() => read(azure())).toThrow("trace: holds no requests");
  });
});
