import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { InputError } from "../../src/lib/errors.ts";
import { readTrace } from "../../src/formats/trace.ts";
import { readParts, readText } from "../trace-reading.ts";

const AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
const azureRow = (second: number) => `2024-05-10 00:00:${String(second).padStart(2, "0")},10,5\n`;
const own = (ms: number) => `{"timestamp_ms":${ms},"input_length":1,"output_length":1}\n`;
const row = (timestamp: number) => `{"timestamp":${timestamp},"input_length":10,"output_length":5}\n`;

describe("broken rows", () => {
  const text = `${row(0)}{"timestamp":1,\n${row(2)}[1]\n\n{"timestamp":3,"input_length":0,"output_length":5}\n${row(4)}${row(5)}`;

  it("are left out, counted, and the first of them named", () => {
    const { requests, reading } = readText(text);
    expect(requests.map(({ arrivalMs }) => arrivalMs)).toEqual([0, 2, 4, 5]);
    expect(reading).toMatchObject({ rows: 7, broken: 3 });
    expect(reading.firstBroken).toEqual([
      expect.stringMatching(/^f: line 2 is not JSON/),
      expect.stringMatching(/^f: line 4 is not a JSON object/),
      "f: line 6 input_length is 0; expected an integer in 1..4194304",
    ]);
  });

  it("stop a strict reader at the first", () => {
    expect(() => readText(text, { strict: true })).toThrow("f: line 2 is not JSON");
  });

  it("are a few that are named, however many there are", () => {
    const { reading } = readText(row(0).repeat(30) + "{\n".repeat(20));
    expect(reading).toMatchObject({ rows: 50, broken: 20 });
    expect(reading.firstBroken).toHaveLength(5);
  });

  it("refuse the trace when they are more than half of it, at once when that shows", () => {
    const refusal =
      /^f: has 3 broken rows among 5, more than half \(line 3 is not JSON .*\); is it of the format 'mooncake'\?$/;
    expect(() => readText(row(0) + row(1) + "{\n".repeat(3))).toThrow(refusal);
    let parts = 0;
    function* endless() {
      yield Buffer.from(row(0));
      for (; ; parts++) yield Buffer.from("{\n".repeat(100));
    }
    expect(() => readParts(endless())).toThrow("more than half");
    expect(parts).toBeLessThan(10);
  });

  it("also in CSV, where the last line is cut", () => {
    const { requests, reading } = readText(`${AZURE}${azureRow(1)}${azureRow(2)}2024-05-10 00:0`);
    expect(requests).toHaveLength(2);
    expect(reading.firstBroken).toEqual([
      expect.stringContaining("f: line 4 has 1 fields; expected TIMESTAMP"),
    ]);
  });

  it("also in lists of JSON, by entry", () => {
    const entry = '{"id":"a","conversations":[{"from":"human","value":"b"},{"from":"gpt","value":"c"}]}';
    const { reading } = readText(`[${entry}, {"conversations": 3}, ${entry}]`);
    expect(reading).toMatchObject({ requests: 2, broken: 1 });
    expect(reading.firstBroken).toEqual([
      'f: entry 2 conversations is 3; expected a list of {"from", "value"}',
    ]);
  });
});

describe("times that cannot be", () => {
  it.each([
    [row(0) + row(5) + row(4), "f: line 3 timestamp is 4, earlier than 5 before it; sort the lines by time"],
    [row(0) + row(-1), "f: line 2 timestamp is -1; expected a finite number ≥ 0"],
    [`${row(0)}{"input_length":1,"output_length":1}`, "f: line 2 timestamp is missing; expected"],
    [`{"input_length":1,"output_length":1}\n${row(3)}`, "f: line 2 says a time, as no row before does"],
    [`${AZURE}${azureRow(2)}${azureRow(1)}`, "f: line 3 TIMESTAMP is '2024-05-10 00:00:01', earlier than"],
    [`${AZURE}${azureRow(2)},1,1`, "f: line 3 TIMESTAMP is ''; expected e.g."],
    ["Timestamp,Request tokens,Response tokens\n-5,1,1", "f: line 2 Timestamp is '-5'; expected seconds ≥ 0"],
    ["Timestamp,Request tokens,Response tokens\n,1,1", "f: line 2 Timestamp is ''; expected seconds ≥ 0"],
    ['{"timestamp_ms":-1,"input_length":1,"output_length":1}', "f: line 1 timestamp_ms is -1"],
    [
      `{"format":"plimsoll.trace/1","order":"end"}\n${own(5)}${own(4)}`,
      "f: line 3 timestamp_ms is 4, earlier than 5 before it; the file is not finished, and in the order of answers; `replay merge` sorts it",
    ],
    [
      '{"chat_id":1,"parent_chat_id":-1,"timestamp":-0.5,"input_length":1,"output_length":1}',
      "f: line 1 timestamp is -0.5",
    ],
  ])("refuse the trace, whatever else is whole: %j", (text, message) => {
    const read = () => readText(text);
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
  });
});

describe("what is no trace", () => {
  it.each([
    ["", "f: line 1 begins neither an Azure trace"],
    ["\n \n", "for the file is empty; expected one of them"],
    [AZURE, "f: holds no requests; expected at least one"],
    ["time,prompt,answer\n1,2,3\n", "it is 'time,prompt,answer'; expected one of them"],
    [
      "TIMESTAMP,ContextTokens\n",
      "f: line 1 has no column GeneratedTokens; its columns are TIMESTAMP,ContextTokens",
    ],
    ["Timestamp,Request tokens\n", "f: line 1 has no column Response tokens"],
    ['{"a":1}\n', "it is '{\"a\":1}'; expected one of them"],
    [
      "0,0,0,,0,0\n600,0.5,1.0,Gamma,1.0,2.0\n",
      "f: line 1 is of one client of ServeGen's data; give the folder",
    ],
    ["[]", "f: line 1 begins neither"],
    ['[{"a":1}]', "it is '[{\"a\":1}'; expected one of them"],
    ["[[[[", "f: ends inside entry 1 of its list; is the file whole?"],
    ['[{"conversations":[]}] x', "f: goes on behind its list; expected nothing there"],
    [
      '[{"conversations":[]}]',
      "f: holds no requests; 1 rows hold no question with an answer; expected at least one",
    ],
    ["PAR1\u0015\u0004", "f: is no text but a Parquet file; export it as CSV or as lines of JSON"],
    ["BZh91AY&SY-----------", "f: is no text but compressed by bzip2"],
    ["a\0b", "f: is no text; expected a trace"],
    ["PK\u0003\u0004----------------", "f: is no text but a zip archive; expand it"],
    ['{"timestamp":0},\n{"timestamp":1},\n', "f: line 1 is not JSON: it is '{\"timestamp\":0},'"],
    [
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d\n",
      "f: is a pointer of Git LFS, not the file",
    ],
    ["<!DOCTYPE html><html>", "f: is a web page (HTML); download the file itself"],
    [
      "TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n",
      "f: line 1 names the column ContextTokens twice",
    ],
  ])("is refused: %j", (text, message) => {
    expect(() => readText(text)).toThrow(InputError);
    expect(() => readText(text)).toThrow(message);
  });

  it("also where it is no UTF-8, or compressed", () => {
    expect(() => readParts([Uint8Array.from([...Buffer.from(AZURE), 0xff, 0x0a])])).toThrow(
      "is not UTF-8 text",
    );
    expect(() => readParts([gzipSync(AZURE)])).toThrow("is no text but gzip inside gzip");
    expect(() => readParts([Buffer.from(`\uFEFF${AZURE}`, "utf16le")])).toThrow("is no text but UTF-16");
  });
});

describe("a list in JSON", () => {
  it("may hold what lines may, whatever the lines", () => {
    const rows = [0, 2, 7].map((ms) => JSON.parse(row(ms)) as object);
    const { requests, reading } = readText(JSON.stringify(rows, null, 2));
    expect(reading).toMatchObject({ format: "mooncake", rows: 3 });
    expect(requests.map(({ arrivalMs }) => arrivalMs)).toEqual([0, 2, 7]);
    expect(readText(`[${own(0)},${own(4)}]`).reading).toMatchObject({ format: "plimsoll", rows: 2 });
  });

  it("of conversations may have roles and contents", () => {
    const conversations = [
      { role: "user", content: "a b" },
      { role: "assistant", content: "c" },
    ];
    expect(readText(JSON.stringify([{ conversations }])).requests).toMatchObject([
      { inputTokens: 2, outputTokens: 1, messages: [{ role: "user", content: "a b" }] },
    ]);
  });
});

describe("a format that is named", () => {
  const blocks = '{"timestamp":2,"input_length":40,"output_length":1,"hash_ids":[1]}';

  it("is believed", () => {
    expect(readText(blocks).reading.format).toBe("mooncake");
    const { requests, reading } = readText(`${blocks}\n${blocks.replace("2", "3")}`, {
      format: "timed-trace",
    });
    expect(reading.format).toBe("timed-trace");
    expect(requests).toMatchObject([
      { arrivalMs: 0, blockTokens: 16 },
      { arrivalMs: 1000, blockTokens: 16 },
    ]);
  });

  it("says what does not fit", () => {
    expect(() => readText(blocks, { format: "azure" })).toThrow("f: line 1 has no column TIMESTAMP");
    expect(() => readText(`${AZURE}${azureRow(1)}`, { format: "mooncake" })).toThrow(
      "is it of the format 'mooncake'?",
    );
  });
});

describe("a trace for runs in virtual time", () => {
  it("is read strictly, and needs times", () => {
    const read = (text: string) => () => readTrace(Buffer.from(text), "f");
    expect(read(`${row(0)}{\n${row(1)}`)).toThrow("f: line 2 is not JSON");
    expect(read('{"input_length":1,"output_length":1}')).toThrow("f: line 1 timestamp is missing; expected");
    const text = '[{"id":"a","conversations":[{"from":"human","value":"b"},{"from":"gpt","value":"c"}]}]';
    expect(read(text)).toThrow("f: entry 1 timestamp is missing; expected when the request comes");
  });

  it("leaves out what had failed when it was recorded, as everywhere", () => {
    const text = "Timestamp,Request tokens,Response tokens\n1,5,0\n2,5,1\n";
    expect(readTrace(Buffer.from(text), "f")).toEqual([{ arrivalMs: 0, inputTokens: 5, outputTokens: 1 }]);
  });
});
