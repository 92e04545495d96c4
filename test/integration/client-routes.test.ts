import Anthropic from "@anthropic-ai/sdk";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";

let engine: RecordingEngine;
let gateway: RunningGateway;
let client: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  engine = await recordingEngine(
    ({ url, method }, response) => {
      response.setHeader("content-type", "application/json");
      if (url.startsWith("/v1/audio")) response.end('{"text":"hello"}');
      else if (url.startsWith("/v1/images")) response.end('{"created":1,"data":[{"b64_json":"AA=="}]}');
      else if (url.includes("/input_items"))
        response.end('{"object":"list","data":[{"id":"i1"}],"has_more":false}');
      else response.end(JSON.stringify({ id: "resp_1", object: "response", method, output: [] }));
    },
    ["small", "org/large model"],
  );
  gateway = await startGateway(
    `http: { bodyLimitBytes: 400000 }\ntenancy: { header: x-tenant-id }\nadmission: { tenants: { limited: { maxInFlight: 0, requestsPerSecond: 0.001, requestBurst: 1 } } }\n` +
      chatPool(engine.url).replace("[small]", '[small, "org/large model"]'),
  );
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "secret", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: "secret", maxRetries: 0 });
});
beforeEach(() => engine.clear());
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

test("OpenAI's client: one model, by a name with a slash too, and none", async () => {
  expect(await client.models.retrieve("small")).toMatchObject({ id: "small", object: "model" });
  expect((await client.models.retrieve("org/large model")).id).toBe("org/large model");
  const error = await client.models.retrieve("nope").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(OpenAI.NotFoundError);
  expect(error).toMatchObject({ code: "model_not_found", param: "model" });
  expect((await anthropic.models.retrieve("small")).id).toBe("small");
});

test("OpenAI's client: audio and images as forms", async () => {
  const file = await toFile(Buffer.alloc(100_000, 7), "a.wav");
  expect((await client.audio.transcriptions.create({ file, model: "small" })).text).toBe("hello");
  expect((await client.audio.translations.create({ file, model: "small" })).text).toBe("hello");
  const image = await toFile(Buffer.alloc(100_000, 9), "a.png");
  const edited = await client.images.edit({ image: [image, image], prompt: "x", model: "small" });
  expect(edited.data).toHaveLength(1);
  expect(engine.recorded.map(({ body }) => body.length > 100_000)).toEqual([true, true, true]);
  const error = await client.audio.transcriptions
    .create({ file, model: "nope" })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(OpenAI.NotFoundError);
});

test.each([
  ["model_not_found", 404, "not_found_error", Anthropic.NotFoundError, { model: "nope" }, {}],
  ["body_too_large", 413, "request_too_large", Anthropic.APIError, { system: "x".repeat(500_000) }, {}],
  ["rate_limited", 429, "rate_limit_error", Anthropic.RateLimitError, {}, { "x-tenant-id": "limited" }],
  [
    "no_such_rank",
    400,
    "invalid_request_error",
    Anthropic.BadRequestError,
    {},
    { "x-data-parallel-rank": "7" },
  ],
])("Anthropic's client: %s is %d %s", async (reason, status, type, kind, more, headers) => {
  const request = {
    model: "small",
    max_tokens: 3,
    messages: [{ role: "user" as const, content: "x" }],
    ...more,
  };
  const limited = reason === "rate_limited";
  if (limited) await anthropic.messages.create(request, { headers }).catch(() => {});
  const error = await anthropic.messages.create(request, { headers }).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(kind);
  expect(error).toMatchObject({
    status,
    type,
    error: { type: "error", error: { type, reason, code: reason } },
  });
});

test("Anthropic's client: counting tokens fails in its words too", async () => {
  const error = await anthropic.messages
    .countTokens({ model: "nope", messages: [{ role: "user", content: "x" }] })
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ status: 404, type: "not_found_error" });
});

test("Anthropic's client: what is not there is an error in its words", async () => {
  const error = await anthropic.messages.batches.list().then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(Anthropic.NotFoundError);
  expect(error).toMatchObject({ type: "not_found_error", error: { error: { reason: "route_not_found" } } });
});
