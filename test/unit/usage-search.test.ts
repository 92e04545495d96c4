import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { UsageSearch } from "../../src/serving/traffic/usage-search.ts";

function found(...chunks: readonly string[]) {
  const search = new UsageSearch();
  for (const chunk of chunks) search.take(Buffer.from(chunk));
  return search.found();
}

const NOTHING = { prompt: null, answer: null, cached: null };

test("usage is found behind an answer, whole or streamed, in the words of several APIs", () => {
  const openai = `{"choices":[],"usage":{"prompt_tokens":12,"total_tokens":19,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens": 8}}}`;
  expect(found(openai)).toEqual({ prompt: 12, answer: 7, cached: 8 });
  expect(found("data: {}\n\n", `data: ${openai}\n\n`, "data: [DONE]\n\n")).toEqual({
    prompt: 12,
    answer: 7,
    cached: 8,
  });
  // A chunk may end anywhere.
  expect(found(openai.slice(0, 50), openai.slice(50))).toEqual({ prompt: 12, answer: 7, cached: 8 });
  expect(found(`{"usage": {"input_tokens" : 5,"output_tokens":6}}`)).toEqual({
    prompt: 5,
    answer: 6,
    cached: null,
  });
  expect(found(`{"meta_info":{"prompt_tokens":3,"completion_tokens":4,"cached_tokens":0}}`)).toEqual({
    prompt: 3,
    answer: 4,
    cached: 0,
  });
});

test("of several the last counts; text that speaks of tokens does not", () => {
  expect(found(`{"usage":{"completion_tokens":1}}`, `{"usage":{"completion_tokens":2}}`).answer).toBe(2);
  expect(found(JSON.stringify({ content: `{"prompt_tokens":99,"completion_tokens":99}` }))).toEqual(NOTHING);
  expect(found()).toEqual(NOTHING);
  expect(found(`{"prompt_tokens":${"9".repeat(40)}}`).prompt).toBeNull();
  // Only the end is looked at.
  expect(found(`{"usage":{"prompt_tokens":1}}${" ".repeat(5000)}`)).toEqual(NOTHING);
});

describe("what engines count", () => {
  const none = { inputTokens: null, outputTokens: null, cachedTokens: null };

  test.each([
    [
      "a chat completion",
      [
        '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":3}}}',
      ],
      { inputTokens: 7, outputTokens: 12, cachedTokens: 3 },
    ],
    [
      "the last of a stream's counts",
      [
        'data: {"usage":{"prompt_tokens":7,"completion_tokens":1}}\n\n',
        'data: {"usage": {"prompt_tokens": 7, "completion_tokens": 2}}\n\n',
        "data: [DONE]\n\n",
      ],
      { inputTokens: 7, outputTokens: 2, cachedTokens: null },
    ],
    [
      "a message, whose prompt is counted first, without what was cached",
      [
        'event: message_start\ndata: {"message":{"usage":{"input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}}}\n\n',
        `data: {"delta":{"text":"${"x".repeat(20_000)}"}}\n\n`,
        'event: message_delta\ndata: {"usage":{"output_tokens":9}}\n\n',
      ],
      { inputTokens: 105, outputTokens: 9, cachedTokens: 100 },
    ],
    [
      "SGLang's own route",
      ['{"text":"a","meta_info":{"prompt_tokens":4,"completion_tokens":8,"cached_tokens":2}}'],
      { inputTokens: 4, outputTokens: 8, cachedTokens: 2 },
    ],
    ["text that speaks of it", [JSON.stringify({ text: '"completion_tokens": 5', usage: null })], none],
    ["a number that is none", ['{"usage":{"prompt_tokens":null,"completion_tokens":"3"}}'], none],
    ["an answer without a byte", [], none],
  ])("%s", (_, chunks, usage) => {
    const search = new UsageSearch();
    for (const chunk of chunks) search.take(Buffer.from(chunk));
    const { prompt: inputTokens, answer: outputTokens, cached: cachedTokens } = search.found();
    expect({ inputTokens, outputTokens, cachedTokens }).toEqual(usage);
    expect(search.bytes).toBe(chunks.join("").length);
  });
});

const MESSAGE = [
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":1}}}\n\n',
  `event: content_block_delta\ndata: {"delta":{"text":"deep"}}\n\n`,
  'event: message_delta\ndata: {"usage":{"output_tokens":9}}\n\n',
].join("");

test("a message's prompt is found wherever its stream is cut, and in one piece", () => {
  const counts = { prompt: 125, answer: 9, cached: 100 };
  expect(found(MESSAGE)).toEqual(counts);
  for (let size = 1; size < 300; size += 7) {
    const chunks = Array.from({ length: Math.ceil(MESSAGE.length / size) }, (_, i) =>
      MESSAGE.slice(i * size, (i + 1) * size),
    );
    expect(found(...chunks, ...Array.from({ length: 400 }, () => `data: ${"x".repeat(30)}\n\n`))).toEqual({
      ...counts,
      answer: 1,
    });
    expect(found(...chunks)).toEqual(counts);
  }
});

test.each(["", "event: message_start\n"])(
  "of a long answer little is kept, whatever its chunks are",
  async (begin) => {
    const search = new UsageSearch();
    const seen: WeakRef<Buffer>[] = [];
    const take = (text: string) => {
      const chunk = Buffer.from(text);
      seen.push(new WeakRef(chunk));
      search.take(chunk);
    };
    take(begin);
    for (let i = 0; i < 3000; i++) take(`data: ${"y".repeat(100)}\n\n`);
    // What is looked at in a turn lives as long as that.
    await nextTurn();
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
    const kept = seen.filter((chunk) => chunk.deref() !== undefined).length;
    expect(search.bytes).toBe(begin.length + 3000 * 108);
    expect(kept).toBeGreaterThan(30);
    expect(kept).toBeLessThan(110);
  },
);
