import { expect, test } from "vitest";
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
