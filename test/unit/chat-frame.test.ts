import { describe, expect, it } from "vitest";
import { readFrame } from "../../src/replay/frame.ts";

function read(frame: unknown): ReturnType<typeof readFrame> {
  return readFrame(JSON.stringify(frame));
}

describe("a frame of a streamed completion", () => {
  it.each([
    ["text", { content: "a" }],
    ["a reasoning model's thoughts (vLLM, SGLang)", { reasoning_content: "a" }],
    ["a reasoning model's thoughts", { reasoning: "a" }],
    ["a tool call", { tool_calls: [{ index: 0 }] }],
  ])("carries content when its delta has %s", (_, delta) => {
    expect(read({ choices: [{ delta }] })).toEqual({
      content: true,
      usage: null,
      final: false,
      failed: false,
    });
  });

  it.each([
    ["only names the role", { choices: [{ delta: { role: "assistant", content: "" } }] }],
    ["has nothing in it", { choices: [{ delta: { content: null, tool_calls: [] } }] }],
    ["has no choices", { choices: [] }],
  ])("carries no content when it %s", (_, frame) => {
    expect(read(frame)).toEqual({ content: false, usage: null, final: false, failed: false });
  });

  it("is final with a finish reason or [DONE]", () => {
    expect(read({ choices: [{ delta: {}, finish_reason: "stop" }] }).final).toBe(true);
    expect(read({ choices: [{ delta: {}, finish_reason: null }] }).final).toBe(false);
    expect(readFrame("[DONE]")).toMatchObject({ final: true, failed: false });
  });

  it("tells the usage the server reports, null where it is no count", () => {
    expect(read({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 4 } }).usage).toEqual({
      promptTokens: 3,
      completionTokens: 4,
    });
    expect(read({ choices: [], usage: { prompt_tokens: "3" } }).usage).toEqual({
      promptTokens: null,
      completionTokens: null,
    });
    expect(read({ choices: [], usage: null }).usage).toBeNull();
  });

  it.each(["{", "", "null", "7", '"text"', '{"error":{"message":"engine died"}}'])("fails on %j", (data) => {
    expect(readFrame(data)).toMatchObject({ content: false, final: false, failed: true });
  });
});
