import { describe, expect, it } from "vitest";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../src/model/traffic.ts";
import { promptText } from "../../src/replay/prompt.ts";

function request(inputTokens: number, prefixBlocks?: readonly number[]): TraceRequest {
  return { arrivalMs: 0, inputTokens, outputTokens: 1, ...(prefixBlocks && { prefixBlocks }) };
}

function words(text: string): string[] {
  return text.split(" ");
}

describe("a prompt", () => {
  it("has a word per input token, all of them from one list of short words", () => {
    for (const tokens of [1, 2, 511, 512, 513, 4142]) {
      expect(words(promptText(request(tokens), 0, 1))).toHaveLength(tokens);
    }
    const vocabulary = new Set(words(promptText(request(20_000), 0, 1)));
    expect(vocabulary.size).toBe(256);
    for (const word of vocabulary) expect(word).toMatch(/^[a-z]{3,6}$/);
  });

  it("has one word where the trace says none", () => {
    expect(words(promptText(request(0), 0, 1))).toHaveLength(1);
  });

  it("gives equal block ids equal text, at whatever place and in whatever request", () => {
    const blocks = (text: string): string[] =>
      [0, 1].map((i) =>
        words(text)
          .slice(i * PREFIX_BLOCK_TOKENS, (i + 1) * PREFIX_BLOCK_TOKENS)
          .join(" "),
      );
    const [a, b] = blocks(promptText(request(1024, [7, 8]), 0, 1));
    const [c, d] = blocks(promptText(request(1024, [8, 7]), 5, 1));
    expect([a, b]).toEqual([d, c]);
    expect(a).not.toBe(b);
  });

  it("cuts the last block where the prompt ends", () => {
    const whole = promptText(request(1024, [7, 8]), 0, 1);
    const cut = promptText(request(600, [7, 8]), 3, 1);
    expect(words(cut)).toHaveLength(600);
    expect(whole.startsWith(cut)).toBe(true);
  });

  it("goes on with the request's own text after its blocks", () => {
    const first = words(promptText(request(700, [7]), 0, 1));
    const second = words(promptText(request(700, [7]), 1, 1));
    expect(first.slice(0, 512)).toEqual(second.slice(0, 512));
    expect(first.slice(512)).not.toEqual(second.slice(512));
  });

  it("depends on the seed and the request's place only", () => {
    expect(promptText(request(50), 3, 9)).toBe(promptText(request(50), 3, 9));
    expect(promptText(request(50), 3, 9)).not.toBe(promptText(request(50), 4, 9));
    expect(promptText(request(50), 3, 9)).not.toBe(promptText(request(50), 3, 10));
  });
});
