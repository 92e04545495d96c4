import { describe, expect, it } from "vitest";
import { readText } from "../trace-reading.ts";

interface Row {
  readonly timestamp: number;
  readonly input_length: number;
  readonly hash_ids: readonly number[];
}

const lines = (written: readonly object[]) => written.map((row) => `${JSON.stringify(row)}\n`).join("");

/** Requests so far apart, in the trace's own unit, with ids of blocks of so many tokens. */
function rows(gap: number, blockTokens: number, more: object = {}, count = 12): Row[] {
  return Array.from({ length: count }, (_, i) => {
    const input_length = 700 + 37 * i;
    const hash_ids = Array.from({ length: Math.ceil(input_length / blockTokens) }, (__, k) => k);
    return { timestamp: gap * i, input_length, output_length: 5, hash_ids, ...more };
  });
}
const chat = { chat_id: 1, parent_chat_id: -1 };

describe("the unit of a trace's times", () => {
  it.each([
    [
      "seconds for milliseconds",
      lines(rows(0.4, 512)),
      "mooncake",
      "2500 requests per second; if they are seconds",
    ],
    ["microseconds for milliseconds", lines(rows(300_000, 512)), "mooncake", "if they are microseconds"],
    ["milliseconds for seconds", lines(rows(300, 16)), "timed-trace", "if they are milliseconds"],
    ["milliseconds for seconds, with chats", lines(rows(300, 16, chat)), "bailian", "300 s from one request"],
    [
      "milliseconds for seconds, in a table",
      "Timestamp,Request tokens,Response tokens\n0,5,5\n250000,5,5\n510000,5,5\n",
      "burstgpt",
      "--speed 1000",
    ],
  ])("is doubted where it takes %s", (_, text, format, doubt) => {
    const { reading } = readText(text);
    expect(reading.format).toBe(format);
    expect(reading.doubts).toEqual([expect.stringContaining(doubt)]);
  });

  it.each([
    ["usual rates", lines(rows(300, 512))],
    ["few requests", lines(rows(0.4, 512, {}, 2))],
    [
      "a unit that the trace names",
      lines(rows(0.4, 512).map((row) => ({ ...row, timestamp_ms: row.timestamp }))),
    ],
  ])("is not doubted at %s", (_, text) => {
    expect(readText(text).reading.doubts).toEqual([]);
  });
});

describe("the size of a trace's blocks", () => {
  it("is what most rows' lengths make of it, and another than the format's is said", () => {
    const { requests, reading } = readText(lines(rows(300, 64)));
    expect(reading).toMatchObject({ format: "mooncake", doubts: [expect.stringContaining("64 tokens")] });
    expect(requests.every(({ blockTokens }) => blockTokens === 64)).toBe(true);
    const chats = readText(lines(rows(3, 512, chat)));
    expect(chats.reading).toMatchObject({
      format: "bailian",
      doubts: [expect.stringContaining("512 tokens")],
    });
    // The usual size of requests.
    expect(chats.requests.every(({ blockTokens }) => blockTokens === undefined)).toBe(true);
  });

  it("stays the format's where few rows tell, or rows say it themselves", () => {
    expect(readText(lines(rows(3, 512, chat, 4))).requests[0].blockTokens).toBe(16);
    const own = readText(lines(rows(300, 64, { block_size: 64 })));
    expect(own.reading.doubts).toEqual([]);
    expect(own.requests[0].blockTokens).toBe(64);
  });

  it("is doubted where rows have other numbers of ids than their lengths make", () => {
    const [first, ...others] = rows(300, 512);
    const { reading } = readText(lines([{ ...first, hash_ids: [0, 1, 2, 3, 4] }, ...others]));
    expect(reading.doubts).toEqual([
      expect.stringContaining(
        "1 of 12 rows have other numbers of hash_ids than their lengths make (line 1: 5 ids for 700 tokens in blocks of 512)",
      ),
    ]);
    const short = readText(lines(rows(3, 512, { ...chat, hash_ids: [1] }, 3)));
    expect(short.reading.doubts).toEqual([expect.stringContaining("3 of 3 rows")]);
  });
});
