import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type FakeServer,
  type SeenRequest,
  startOpenAiServer,
} from "../../harness/fakes/start-openai-server.ts";
import { serverAt } from "../../harness/fakes/server-at.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

let fake: FakeServer;
let gateway: RunningGateway;
let client: OpenAI;
let anthropic: Anthropic;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(chatPool(fake.url));
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "secret", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: "secret", maxRetries: 0 });
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

const messages = [{ role: "user" as const, content: "Say something." }];
const THREE = "wörd0 wörd1 wörd2 ";

/** Reads a stream to its end, or its break. @returns what `text` took of its events */
async function read<T>(stream: AsyncIterable<T>, text: (event: T) => string | undefined): Promise<string> {
  let all = "";
  for await (const event of stream) all += text(event) ?? "";
  return all;
}

/** The last request that the engine got of a client. */
async function last(): Promise<SeenRequest | undefined> {
  return (await fake.seen()).findLast(({ method }) => method === "POST");
}

/** What is left of the last request. */
async function left(): Promise<object> {
  const { deck, pools } = gateway.app.gateway();
  const requests = [...pools[0].states.requests];
  return { fate: (await last())?.fate, inFlight: deck.admission.inFlight, requests };
}

const FREED = { fate: "aborted", inFlight: 0, requests: [0] };

type ResponseEvent = OpenAI.Responses.ResponseStreamEvent;
type MessageEvent = Anthropic.RawMessageStreamEvent;

function responseText(event: ResponseEvent): string | undefined {
  return event.type === "response.output_text.delta" ? event.delta : undefined;
}

function messageText(event: MessageEvent): string | undefined {
  return event.type === "content_block_delta" && event.delta.type === "text_delta"
    ? event.delta.text
    : undefined;
}

test.each(["openai", "anthropic"])(
  "a limit that was hit once is not tried again by %s's client",
  async (name) => {
    await using silent = await serverAt("127.0.0.1", 0, ({ method }, response) => {
      if (method === "GET") response.end();
    });
    const { url, stop } = await startGateway(
      `upstream: { firstTokenTimeoutMs: 100 }\n${chatPool(`http://127.0.0.1:${silent.port}`)}`,
    );
    const asked =
      name === "openai"
        ? new OpenAI({ baseURL: `${url}/v1`, apiKey: "secret" }).chat.completions.create({
            model: "small",
            messages,
          })
        : new Anthropic({ baseURL: url, apiKey: "secret" }).messages.create({
            model: "small",
            messages,
            max_tokens: 1,
          });
    await expect(asked).rejects.toMatchObject({ status: 504 });
    expect(silent.seen.filter(({ method }) => method === "POST")).toHaveLength(1);
    await stop();
  },
);

test("completes a chat", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "small", messages, max_completion_tokens: 3 })
    .withResponse();
  expect(data.choices[0].message.content).toBe("wörd0 wörd1 wörd2 ");
  expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${fake.url}`);
  expect(response.headers.get("x-plimsoll-epoch")).toBe("0");
  expect(response.headers.get("x-engine")).toBe("fake");
  expect((await last())?.headers["authorization"]).toBe("Bearer secret");
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
  await expect.poll(left, patiently).toEqual(FREED);
});

test("giving up before the response headers frees the request too", async () => {
  const abort = new AbortController();
  const call = client.chat.completions.create(
    { model: "small", messages, safety_identifier: "silent" },
    { signal: abort.signal },
  );
  await expect.poll(async () => (await last())?.fate, patiently).toBe("open");
  abort.abort();
  await expect(call).rejects.toThrow(OpenAI.APIUserAbortError);
  await expect.poll(left, patiently).toEqual(FREED);
});

test("completes a text, whole and streamed", async () => {
  const request = { model: "small", prompt: "Say something.", max_tokens: 3 };
  expect(await client.completions.create(request)).toMatchObject({
    model: "small",
    usage: { completion_tokens: 3 },
  });
  const stream = await client.completions.create({ ...request, stream: true });
  expect(await read(stream, ({ id }) => id)).toMatch(/^(?:c1)+$/);
});

test("responds, whole and streamed", async () => {
  const request = { model: "small", input: "Say something.", max_output_tokens: 3 };
  expect((await client.responses.create(request)).output_text).toBe(THREE);
  const stream = await client.responses.create({ ...request, stream: true });
  expect(await read(stream, responseText)).toBe(THREE);
});

test("writes messages, whole and streamed", async () => {
  const request = { model: "small", messages, max_tokens: 3 };
  const { data, response } = await anthropic.messages.create(request).withResponse();
  expect(data.content).toEqual([{ type: "text", text: THREE }]);
  expect(response.headers.get("x-plimsoll-shard")).toBe(`chat/${fake.url}`);
  expect((await last())?.headers["authorization"]).toBe("Bearer secret");
  const stream = await anthropic.messages.create({ ...request, stream: true });
  expect(await read(stream, messageText)).toBe(THREE);
  expect(await anthropic.messages.stream(request).finalText()).toBe(THREE);
});

test("messages: an engine's own error is relayed, and ours has the same shape", async () => {
  const failing = { model: "small", messages, max_tokens: 3, metadata: { user_id: "error" } };
  const engines = await anthropic.messages.create(failing).catch((error: unknown) => error);
  expect(engines).toBeInstanceOf(Anthropic.APIError);
  expect(engines).toMatchObject({ status: 418, error: { type: "error", error: { type: "teapot" } } });
  const ours = await anthropic.messages
    .create({ model: "large", messages, max_tokens: 3 })
    .catch((error: unknown) => error);
  expect(ours).toBeInstanceOf(Anthropic.NotFoundError);
  expect(ours).toMatchObject({ error: { error: { reason: "model_not_found" } } });
});

test("leaving a stream of messages or of a response frees the request", async () => {
  const written = await anthropic.messages.create({
    model: "small",
    messages,
    max_tokens: 4000,
    stream: true,
  });
  for await (const event of written) if (event.type === "content_block_delta") break;
  await expect.poll(left, patiently).toEqual(FREED);
  const responded = await client.responses.create({
    model: "small",
    input: "x",
    max_output_tokens: 4000,
    stream: true,
  });
  for await (const event of responded) if (event.type === "response.output_text.delta") break;
  await expect.poll(left, patiently).toEqual(FREED);
});

const BROKEN = "reset-mid-frame";

test("a stream that breaks is an error to whoever reads it", async () => {
  const chat = await client.chat.completions.create({
    model: "small",
    messages,
    stream: true,
    max_completion_tokens: 9,
    safety_identifier: BROKEN,
  });
  const response = await client.responses.create({
    model: "small",
    input: "x",
    stream: true,
    max_output_tokens: 9,
    safety_identifier: BROKEN,
  });
  const message = await anthropic.messages.create({
    model: "small",
    messages,
    stream: true,
    max_tokens: 9,
    metadata: { user_id: BROKEN },
  });
  const broken: [read: () => Promise<string>, error: new (...args: never) => Error][] = [
    [() => read(chat, ({ choices }) => choices[0].delta.content ?? ""), OpenAI.APIError],
    [() => read(response, responseText), OpenAI.APIError],
    [() => read(message, messageText), Anthropic.APIError],
  ];
  for (const [reading, error] of broken) {
    const caught = await reading().catch((raised: unknown) => raised);
    expect(caught).toBeInstanceOf(error);
    expect((caught as Error).message).toContain("broke off its response");
  }
});
