import { describe, expect, it } from "vitest";
import { readFrame } from "../../src/replay/answer/frame.ts";

function read(frame: unknown, type?: string): ReturnType<typeof readFrame> {
  return readFrame(JSON.stringify(frame), type);
}

const NOTHING = {
  kind: "none",
  tokenIds: null,
  usage: null,
  finishReason: null,
  done: false,
  error: null,
};

describe("a frame of a streamed completion", () => {
  it.each([
    ["text", "text", { content: "a" }],
    ["a refusal", "text", { refusal: "no" }],
    ["a reasoning model's thoughts (vLLM, SGLang)", "reasoning", { reasoning_content: "a" }],
    ["a reasoning model's thoughts", "reasoning", { reasoning: "a" }],
    ["a tool call", "tool", { tool_calls: [{ index: 0 }] }],
    ["a call in the old form", "tool", { function_call: { arguments: "{" } }],
    ["thoughts behind the role", "reasoning", { role: "assistant", content: null, reasoning: "a" }],
    ["only the role", "role", { role: "assistant", content: "" }],
    ["empty text", "empty", { content: "" }],
    ["nothing in it", "empty", { content: null, tool_calls: [] }],
  ])("whose delta has %s is of the kind %s", (_, kind, delta) => {
    expect(read({ choices: [{ delta }] })).toEqual({ ...NOTHING, kind });
  });

  it("of plain completions has its text beside no delta", () => {
    expect(read({ choices: [{ text: "a", finish_reason: null }] })).toEqual({ ...NOTHING, kind: "text" });
    expect(read({ choices: [{ text: "", finish_reason: null }] })).toEqual({ ...NOTHING, kind: "empty" });
  });

  it("without choices carries nothing", () => {
    expect(read({ choices: [] })).toEqual(NOTHING);
  });

  it("carries what any of its choices does", () => {
    const choices = [{ delta: { role: "assistant" } }, { delta: { content: "a" }, token_ids: [1, 2] }];
    expect(read({ choices })).toEqual({ ...NOTHING, kind: "text", tokenIds: 2 });
  });

  it("says how the answer ends", () => {
    const finishOf = (reason: unknown) => read({ choices: [{ delta: {}, finish_reason: reason }] });
    expect(finishOf("stop")).toEqual({ ...NOTHING, kind: "finish", finishReason: "stop" });
    expect(finishOf({ type: "abort", message: "gone" })).toMatchObject({ finishReason: "abort" });
    expect(finishOf(null)).toMatchObject({ kind: "empty", finishReason: null });
    expect(finishOf("")).toMatchObject({ kind: "empty", finishReason: null });
    expect(read({ choices: [{ delta: { content: "a" }, finish_reason: "length" }] })).toMatchObject({
      kind: "text",
      finishReason: "length",
    });
  });

  it.each(["[DONE]", " [DONE] "])("is the last as %j", (data) => {
    expect(readFrame(data)).toEqual({ ...NOTHING, done: true });
  });

  it("tells the usage the server reports, null where it is no count", () => {
    const whole = {
      prompt_tokens: 3,
      completion_tokens: 4,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 1 },
    };
    expect(read({ choices: [], usage: whole }).usage).toEqual({
      promptTokens: 3,
      completionTokens: 4,
      cachedTokens: 2,
      reasoningTokens: 1,
    });
    const odd = { prompt_tokens: "3", completion_tokens: -1, prompt_tokens_details: null };
    expect(read({ choices: [], usage: odd }).usage).toEqual({
      promptTokens: null,
      completionTokens: null,
      cachedTokens: null,
      reasoningTokens: null,
    });
    expect(read({ choices: [], usage: null }).usage).toBeNull();
    expect(read({ choices: [], usage: { prompt_cache_hit_tokens: 7 } }).usage?.cachedTokens).toBe(7);
  });

  it("counts the ids of its tokens where it has them", () => {
    expect(read({ choices: [{ delta: { content: "a b" }, token_ids: [5, 9] }] }).tokenIds).toBe(2);
  });

  it.each(["{", "", "null", "7", '"text"'])("cannot be read as %j", (data) => {
    expect(readFrame(data)).toEqual({ ...NOTHING, error: `no JSON object: ${data}` });
  });

  it.each([
    ["in an object", { error: { message: "engine died", code: 500 } }, "", "engine died"],
    ["as a text (TGI)", { error: "engine died", error_type: "generation" }, "", "engine died"],
    ["as the object itself (vLLM)", { object: "error", message: "engine died" }, "", "engine died"],
    ["by the event's type", { message: "engine died" }, "error", "engine died"],
    ["as Anthropic has them", { type: "error", error: { message: "engine died" } }, "error", "engine died"],
    ["with a detail (FastAPI)", { detail: "engine died" }, "error", "engine died"],
    ["without words", { error: { code: 500 } }, "", '{"code":500}'],
    ["beside a choice", { choices: [{ delta: {} }], error: { message: "engine died" } }, "", "engine died"],
  ])("tells of an error %s", (_, frame, type, error) => {
    expect(read(frame, type).error).toBe(error);
  });

  it.each([{ error: null }, { error: "" }, { error: false }])("tells of none with %j", (frame) => {
    expect(read({ choices: [], ...frame }).error).toBeNull();
  });
});
