import { describe, expect, test } from "vitest";
import type { ModelSettings } from "../../src/model/model-settings.ts";
import { RequestTerms } from "../../src/serving/models/request-terms.ts";
import { InvalidRequest } from "../../src/serving/refusals.ts";
import { requestFacts } from "../../src/serving/request/request-facts.ts";

const ORIGIN = { tenant: "t", priority: 0, session: null, rank: -1, models: null, owner: null };

function taken(more: Partial<ModelSettings>, body: object, path = "/v1/chat/completions") {
  const settings = {
    name: "m",
    aliases: [],
    pools: [],
    fallback: [],
    defaults: {},
    shadow: null,
    locality: null,
    ...more,
  };
  const terms = RequestTerms.of({ ...settings, limits: { maxTokens: 0, maxInputTokens: 0, ...more.limits } });
  const facts = requestFacts(Buffer.from(JSON.stringify(body)), ORIGIN);
  const request = { method: "POST", path, headers: [], body: facts.body } as const;
  const { facts: after, request: sent } = terms?.take(facts, request) ?? { facts, request };
  return {
    added: JSON.parse(`{${"added" in sent ? sent.added : ""}}`) as unknown,
    maxTokens: after.maxTokens,
  };
}

/** The field at fault. */
function refusal(...request: Parameters<typeof taken>): string | null {
  try {
    taken(...request);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRequest);
    return (error as InvalidRequest).field;
  }
  return "none";
}

const defaults = { temperature: 0.6, max_tokens: 4096, chat_template_kwargs: { thinking: false } };
const rest = { chat_template_kwargs: { thinking: false } };

describe("defaults", () => {
  test.each([
    [{}, { ...rest, temperature: 0.6, max_tokens: 4096 }, 4096],
    [{ temperature: 0 }, { ...rest, max_tokens: 4096 }, 4096],
    [{ temperature: null, max_tokens: 7 }, rest, 7],
    [{ max_completion_tokens: 7 }, { ...rest, temperature: 0.6 }, 7],
    [{ chat_template_kwargs: {}, max_tokens: null }, { temperature: 0.6 }, null],
  ])("join what a client left out: %j", (body, added, maxTokens) => {
    expect(taken({ defaults }, { model: "m", ...body })).toEqual({ added, maxTokens });
  });

  test.each([
    ["/v1/completions", { ...rest, temperature: 0.6, max_tokens: 4096 }],
    ["/v1/messages?beta=true", { ...rest, temperature: 0.6, max_tokens: 4096 }],
    ["/v1/responses", { ...rest, temperature: 0.6, max_output_tokens: 4096 }],
    ["/v1/embeddings", {}],
    ["/generate", {}],
  ])("on %s", (path, added) => {
    expect(taken({ defaults }, { model: "m" }, path).added).toEqual(added);
  });
});

describe("limits", () => {
  const limits = { maxTokens: 100, maxInputTokens: 50 };

  test.each([
    ["max_tokens", { max_tokens: 101 }, "/v1/chat/completions"],
    ["max_completion_tokens", { max_completion_tokens: 101 }, "/v1/chat/completions"],
    ["max_output_tokens", { max_output_tokens: 101 }, "/v1/responses"],
    ["sampling_params", { sampling_params: { max_new_tokens: 101 } }, "/generate"],
    ["messages", { messages: "x".repeat(300) }, "/v1/chat/completions"],
    ["prompt", { prompt: "x".repeat(300) }, "/v1/completions"],
    ["input", { input: "x".repeat(300) }, "/v1/responses"],
    [null, { text: "x".repeat(300) }, "/generate"],
    ["none", { max_tokens: 100, messages: "x".repeat(100) }, "/v1/chat/completions"],
  ])("over one the refusal names the field: %s", (field, body, path) => {
    expect(refusal({ limits }, { model: "m", ...body }, path)).toBe(field);
  });

  test("a request that says no number gets the most there is, or its usual number", () => {
    expect(taken({ limits }, {})).toEqual({ added: { max_tokens: 100 }, maxTokens: 100 });
    expect(taken({ limits, defaults: { max_tokens: 9 } }, {}).maxTokens).toBe(9);
  });
});

test("without any of these there is nothing to do", () => {
  expect(taken({}, {})).toEqual({ added: {}, maxTokens: null });
});
