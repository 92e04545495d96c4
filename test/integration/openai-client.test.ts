import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeServer, startOpenAiServer } from "../fakes/start-openai-server.ts";
import { type RunningGateway, chatPool, startGateway } from "../fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

let fake: FakeServer;
let gateway: RunningGateway;
let client: OpenAI;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(chatPool(fake.url));
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "secret", maxRetries: 0 });
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

const messages = [{ role: "user" as const, content: "Say something." }];

test("completes a chat", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "small", messages, max_completion_tokens: 3 })
    .withResponse();
  expect(data.choices[0].message.content).toBe("wörd0 wörd1 wörd2 ");
  expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${fake.url}`);
  expect(response.headers.get("x-plimsoll-epoch")).toBe("0");
  expect(response.headers.get("x-engine")).toBe("fake");
  expect((await fake.seen()).at(-1)?.headers["authorization"]).toBe("Bearer secret");
});

test("streams a chat to its end", async () => {
  const stream = await client.chat.completions.create({
    model: "small",
    messages,
    max_completion_tokens: 20,
    stream: true,
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
  expect(text).toBe(Array.from({ length: 20 }, (_, i) => `wörd${i} `).join(""));
});

test("embeds", async () => {
  const { data } = await client.embeddings.create({ model: "small", input: "x", encoding_format: "float" });
  expect(data[0].embedding).toEqual([0.25, -0.5]);
});

test("lists the models that can be asked for, with the engine's own fields", async () => {
  const { data } = await client.models.list();
  expect(data).toEqual([{ id: "small", object: "model", max_model_len: 4096 }]);
});

test("sees an unknown model as the SDK's NotFoundError", async () => {
  const error = await client.chat.completions
    .create({ model: "large", messages })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(OpenAI.NotFoundError);
  expect(error).toMatchObject({ code: "model_not_found", param: "model", type: "invalid_request_error" });
});

test("an engine's own error passes through", async () => {
  const error = await client.chat.completions
    .create({ model: "small", messages, safety_identifier: "error" })
    .catch((caught: unknown) => caught);
  expect(error).toMatchObject({ status: 418, type: "teapot" });
});

test("leaving a stream frees the request upstream and in the gateway", async () => {
  const stream = await client.chat.completions.create({
    model: "small",
    messages,
    max_completion_tokens: 4000,
    stream: true,
  });
  for await (const chunk of stream) if (chunk.choices[0].delta.content !== "") break;
  await expect.poll(async () => (await fake.seen()).at(-1)?.fate, patiently).toBe("aborted");
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  expect([...gateway.app.gateway().pools[0].states.requests]).toEqual([0]);
});

test("giving up before the head frees the request too", async () => {
  const abort = new AbortController();
  const call = client.chat.completions.create(
    { model: "small", messages, safety_identifier: "silent" },
    { signal: abort.signal },
  );
  await expect.poll(async () => (await fake.seen()).at(-1)?.fate, patiently).toBe("open");
  abort.abort();
  await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
  await expect.poll(async () => (await fake.seen()).at(-1)?.fate, patiently).toBe("aborted");
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
});
