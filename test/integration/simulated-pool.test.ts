import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

const MODEL = "deepseek-v3";
const messages = [{ role: "user" as const, content: "How deep may a ship lie in the water?" }];

let gateway: RunningGateway;
let client: OpenAI;
beforeAll(async () => {
  gateway = await startGateway(
    "control: { sharesMs: 200 }\npools: [{ name: demo, kind: simulated, model: deepseek-v3, topology: ep32, seed: 1 }]",
  );
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => gateway.stop());

/** Requests that wait or run inside the simulated pool, by its own count at the latest observation. */
function inPool(): number {
  return gateway.app.pools()[0].simulated?.plane.latest?.inFlight ?? Number.NaN;
}

test("the official client completes a chat", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: MODEL, messages, max_completion_tokens: 12 })
    .withResponse();
  expect(data.usage).toEqual({ prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 });
  expect(data.choices[0].finish_reason).toBe("length");
  expect(data.choices[0].message.content?.split(" ")).toHaveLength(12);
  expect(response.headers.get("x-plimsoll-shard")).toMatch(/^demo\/([0-9]|[12][0-9]|3[01])$/);
  expect(Number(response.headers.get("x-plimsoll-epoch"))).toBeGreaterThanOrEqual(1);
  expect(response.headers.get("x-request-id")).toBeTruthy();
});

test("the official client streams a chat token by token, with usage at the end", async () => {
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages,
    max_tokens: 16,
    stream: true,
    stream_options: { include_usage: true },
  });
  const pieces: string[] = [];
  let usage: OpenAI.CompletionUsage | null = null;
  for await (const chunk of stream) {
    const content = chunk.choices[0]?.delta.content;
    if (content !== undefined && content !== null) pieces.push(content);
    usage = chunk.usage ?? usage;
  }
  expect(pieces).toHaveLength(16);
  expect(usage).toMatchObject({ prompt_tokens: 9, completion_tokens: 16 });
});

test("the official client completes a prompt", async () => {
  const { choices } = await client.completions.create({ model: MODEL, prompt: "a b c", max_tokens: 3 });
  expect(choices[0].text).toBe("the load line");
});

test("disconnecting a stream frees the simulated request", async () => {
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages,
    max_tokens: 4000,
    stream: true,
  });
  const chunks = stream[Symbol.asyncIterator]();
  await chunks.next();
  await expect.poll(inPool, patiently).toBe(1);
  stream.controller.abort();
  await expect.poll(inPool, patiently).toBe(0);
});

test("a malformed body is 400, an unknown model 404, a prompt beyond the cache 400, all in OpenAI's shape", async () => {
  const post = async (body: string) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body });
    return { status: response.status, body: await response.json() };
  };
  const error = { message: expect.any(String) as string, type: expect.any(String) as string };
  expect(await post("{")).toMatchObject({ status: 400, body: { error } });
  expect(await post(JSON.stringify({ model: MODEL }))).toMatchObject({ status: 400, body: { error } });
  expect(await post(JSON.stringify({ model: "other", messages }))).toMatchObject({
    status: 404,
    body: { error },
  });
  const long = { model: MODEL, messages, max_tokens: 10_000_000 };
  expect(await post(JSON.stringify(long))).toMatchObject({ status: 400, body: { error } });
});
