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
    ["text", "text", { content: "a" }, "a"],
    ["text in parts", "text", { content: [{ type: "text", text: "a" }, { text: "b" }] }, "ab"],
    ["a refusal", "text", { refusal: "no" }, "no"],
    ["sound", "text", { audio: { data: "AAAA" } }, undefined],
    ["a reasoning model's thoughts (vLLM, SGLang)", "reasoning", { reasoning_content: "a" }, "a"],
    ["a reasoning model's thoughts", "reasoning", { reasoning: "a" }, "a"],
    ["thoughts as OpenRouter has them", "reasoning", { reasoning_details: [{ text: "a" }] }, undefined],
    ["a tool call", "tool", { tool_calls: [{ index: 0 }] }, undefined],
    ["a tool call's words", "tool", { tool_calls: [{ function: { name: "f", arguments: "{" } }] }, "f{"],
    ["a call in the old form", "tool", { function_call: { arguments: "{" } }, "{"],
    ["thoughts behind the role", "reasoning", { role: "assistant", content: null, reasoning: "a" }, "a"],
    ["only the role", "role", { role: "assistant", content: "" }, undefined],
    ["empty text", "empty", { content: "" }, undefined],
    ["nothing in it", "empty", { content: null, tool_calls: [] }, undefined],
  ])("whose delta has %s is of the kind %s", (_, kind, delta, text) => {
    expect(read({ choices: [{ delta }] })).toEqual({ ...NOTHING, kind, text });
  });

  it("of plain completions has its text beside no delta", () => {
    expect(read({ choices: [{ text: "a", finish_reason: null }] })).toEqual({
      ...NOTHING,
      kind: "text",
      text: "a",
    });
    expect(read({ choices: [{ text: "", finish_reason: null }] })).toEqual({ ...NOTHING, kind: "empty" });
  });

  it("without choices carries nothing", () => {
    expect(read({ choices: [] })).toEqual(NOTHING);
  });

  it("carries what any of its choices does", () => {
    const choices = [{ delta: { role: "assistant" } }, { delta: { content: "a" }, token_ids: [1, 2] }];
    expect(read({ choices })).toEqual({
      ...NOTHING,
      kind: "text",
      text: "a",
      tokenIds: 2,
      lastChoice: 1,
      ended: [],
    });
  });

  it("says which of its choices have ended, and that one was given up before that others were not", () => {
    const choices = [
      { index: 2, delta: {}, finish_reason: "stop" },
      { index: 0, delta: {}, finish_reason: "error" },
    ];
    expect(read({ choices })).toMatchObject({ finishReason: "error", lastChoice: 2, ended: [2, 0] });
  });

  it("has the server's name for the answer", () => {
    expect(read({ id: "chatcmpl-7", choices: [] })).toEqual({ ...NOTHING, id: "chatcmpl-7" });
  });

  it("says how the answer ends", () => {
    const finishOf = (reason: unknown) => read({ choices: [{ delta: {}, finish_reason: reason }] });
    expect(finishOf("stop")).toEqual({ ...NOTHING, kind: "finish", finishReason: "stop" });
    expect(finishOf({ type: "abort", message: "gone" })).toMatchObject({ finishReason: "abort" });
    expect(finishOf(null)).toMatchObject({ kind: "empty", finishReason: null });
    for (const none of ["", "null"])
      expect(finishOf(none)).toMatchObject({ kind: "empty", finishReason: null });
    expect(read({ choices: [{ delta: { content: "a" }, finish_reason: "length" }] })).toMatchObject({
      kind: "text",
      finishReason: "length",
    });
  });

  it.each(["[DONE]", " [DONE] ", "[done]", '"[DONE]"'])("is the last as %j", (data) => {
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
    // A fraction is no count, and makes no whole number of anything later.
    expect(read({ choices: [], usage: { completion_tokens: 1.5 } }).usage?.completionTokens).toBeNull();
  });

  it.each([
    ["OpenAI, vLLM, SGLang", { prompt_tokens_details: { cached_tokens: 7 } }],
    ["OpenAI's newer API", { input_tokens_details: { cached_tokens: 7 } }],
    ["DeepSeek", { prompt_cache_hit_tokens: 7 }],
    ["Anthropic", { cache_read_input_tokens: 7 }],
    ["Moonshot", { cached_tokens: 7 }],
    ["Mistral", { num_cached_tokens: 7 }],
  ])("tells what was cached as %s does", (_, usage) => {
    expect(read({ choices: [], usage }).usage?.cachedTokens).toBe(7);
  });

  it("has its usage also where Moonshot and Groq have it", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 4 };
    const counted = { promptTokens: 3, completionTokens: 4 };
    expect(read({ choices: [{ delta: {}, usage }] }).usage).toMatchObject(counted);
    expect(read({ choices: [], x_groq: { usage } }).usage).toMatchObject(counted);
  });

  it("counts the ids of its tokens where it has them", () => {
    expect(read({ choices: [{ delta: { content: "a b" }, token_ids: [5, 9] }] }).tokenIds).toBe(2);
    const delta = { content: "a b" };
    expect(read({ choices: [{ delta, logprobs: { content: [{}, {}] } }] }).tokenIds).toBe(2);
    expect(read({ choices: [{ text: "a", logprobs: { tokens: ["a"] } }] }).tokenIds).toBe(1);
    expect(read({ choices: [{ delta, logprobs: null }] }).tokenIds).toBeNull();
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
    ["as a number", { error: 500, msg: "engine died" }, "", "engine died"],
    ["without saying so", { message: "engine died", code: 500 }, "", "engine died"],
    ["without saying so (FastAPI)", { detail: [{ msg: "died" }] }, "", '{"detail":[{"msg":"died"}]}'],
    ["as several", { errors: ["died"] }, "", '{"errors":["died"]}'],
    ["as a status", { status: "error", msg: "engine died" }, "", "engine died"],
    ["in a choice", { choices: [{ delta: {}, error: { message: "engine died" } }] }, "", "engine died"],
    ["in a list (Google)", [{ error: { message: "engine died" } }], "", "engine died"],
    ["beside a choice", { choices: [{ delta: {} }], error: { message: "engine died" } }, "", "engine died"],
  ])("tells of an error %s", (_, frame, type, error) => {
    expect(read(frame, type).error).toBe(error);
  });

  it.each([{ error: null }, { error: "" }, { error: false }, { message: "hello" }])(
    "tells of none with %j",
    (frame) => {
      expect(read({ choices: [], ...frame }).error).toBeNull();
    },
  );

  it("of another type is no part of an answer, whatever it holds", () => {
    expect(readFrame("ping", "ping")).toEqual(NOTHING);
    expect(readFrame("ping", "message").error).toBe("no JSON object: ping");
    expect(readFrame("out of memory", "error").error).toBe("out of memory");
  });
});
