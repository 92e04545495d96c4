import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { rawClient } from "../../harness/fakes/raw-client.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";
import { Access } from "../../src/access/access.ts";
import { patiently } from "../patiently.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { API_ROUTES } from "../../src/serving/request/api-routes.ts";
import { OriginReader } from "../../src/http/request-origin.ts";

const KEYS = {
  all: "sk-all-0123456789abcdef",
  small: "sk-small-0123456789abcdef",
  old: "sk-old-0123456789abcdef",
  limited: "sk-limited-0123456789abcdef",
  ops: "sk-ops-0123456789abcdef",
};
const hashOf = (key: string) => `"sha256:${keyHash(key)}"`;

let engine: RecordingEngine;
let gateway: RunningGateway;

function config(keys: string): string {
  return `access: { keys: { ${keys} } }
admission: { tenants: { team: { priority: 5 } } }
tenancy: { header: x-tenant-id }
pools: [{ name: chat, kind: openai, models: [small, large], urls: ["${engine.url}"] }]`;
}

function allKeys(): string {
  return [
    `all: { hash: ${hashOf(KEYS.all)}, tenant: team }`,
    `few: { hash: ${hashOf(KEYS.small)}, models: [small] }`,
    `past: { hash: ${hashOf(KEYS.old)}, expires: "2020-01-01" }`,
    `limited: { hash: ${hashOf(KEYS.limited)}, limits: { requestsPerSecond: 0.001, requestBurst: 2, tokensPerMinute: 6000 } }`,
    `ops: { hash: ${hashOf(KEYS.ops)}, role: operator }`,
  ].join(", ");
}

beforeAll(async () => {
  engine = await recordingEngine(
    (_, response) => {
      response.setHeader("content-type", "application/json");
      response.setHeader("x-ratelimit-limit-requests", "7");
      response.setHeader("x-plimsoll-secret", "1");
      response.end(
        '{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}',
      );
    },
    ["small", "large"],
  );
  gateway = await startGateway(config(allKeys()));
});
beforeEach(() => engine.clear());
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

function clientOf(apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 });
}

function ask(apiKey: string, model = "small", headers: Record<string, string> = {}) {
  const messages = [{ role: "user" as const, content: "hello" }];
  return clientOf(apiKey).chat.completions.create({ model, messages }, { headers }).withResponse();
}

const errorOf = async (asked: Promise<unknown>) => asked.catch((error: unknown) => error);

test("a known key gets an answer, and the engine does not get the key", async () => {
  const { data } = await ask(KEYS.all, "large");
  expect(data.choices[0]?.message.content).toBe("hi");
  const [{ headers }] = engine.recorded;
  expect(JSON.stringify(headers)).not.toContain(KEYS.all);
  expect(headers.authorization).toBeUndefined();
});

test("Anthropic's client shows its key in a header of its own", async () => {
  const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: KEYS.all, maxRetries: 0 });
  const message = { model: "small", max_tokens: 3, messages: [{ role: "user" as const, content: "x" }] };
  await anthropic.messages.create(message);
  expect(engine.recorded[0]?.headers["x-api-key"]).toBeUndefined();
  const wrong = new Anthropic({ baseURL: gateway.url, apiKey: "sk-no", maxRetries: 0 });
  expect(await errorOf(wrong.messages.create(message))).toBeInstanceOf(Anthropic.AuthenticationError);
});

test.each([
  ["another", "sk-all-0123456789abcdeF", "invalid_api_key"],
  ["a longer one", `${KEYS.all}0`, "invalid_api_key"],
  ["the hash of one", keyHash(KEYS.all), "invalid_api_key"],
  ["what looks like a token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.AA", "invalid_api_key"],
  ["one that has expired", KEYS.old, "key_expired"],
])("%s is refused, and its body reaches nobody", async (_, key, reason) => {
  const error = await errorOf(ask(key));
  expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(error).toMatchObject({ status: 401, code: reason });
  expect((error as Error).message).not.toContain(key);
  expect(engine.recorded).toEqual([]);
});

const every = API_ROUTES.flatMap(({ path, methods }) => methods.map((method) => `${method} ${path}`));

test.each(["GET /v1/models", "GET /v1/models/small", ...every])(
  "without a key, %s is refused before its body is read",
  async (route) => {
    const [method, path] = route.replace(":id", "resp_1").split(" ") as [string, string];
    const body = method === "POST" ? { body: "no JSON" } : {};
    const response = await fetch(`${gateway.url}${path}`, { method, ...body });
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await response.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    expect(engine.recorded).toEqual([]);
  },
);

test("who sends a large body with a wrong key reads why, and is not waited for", async () => {
  const client = await rawClient(gateway.url);
  const head =
    "POST /v1/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer no\r\ncontent-length: 9000000\r\n\r\n";
  client.socket.write(head);
  client.socket.write(Buffer.alloc(4_000_000, "x"));
  await expect.poll(() => client.text(), patiently).toContain('"code":"invalid_api_key"');
  expect(client.text()).toContain("401 Unauthorized");
  await client.closed;
  expect(engine.recorded).toEqual([]);
});

test("a preflight, which never has a key, reaches no engine", async () => {
  const headers = { origin: "http://a.example", "access-control-request-method": "POST" };
  const response = await fetch(`${gateway.url}/v1/completions`, { method: "OPTIONS", headers });
  expect(response.status).toBe(405);
  expect(engine.recorded).toEqual([]);
});

describe("models", () => {
  test("a key asks for its own, and hears nothing of others", async () => {
    await ask(KEYS.small, "small");
    const forbidden = await errorOf(ask(KEYS.small, "large"));
    const unknown = await errorOf(ask(KEYS.small, "lagre"));
    expect(forbidden).toBeInstanceOf(OpenAI.NotFoundError);
    expect([forbidden, unknown]).toMatchObject([{ code: "model_not_found" }, { code: "model_not_found" }]);
    expect((unknown as Error).message).not.toContain("`large`");
    expect(engine.recorded).toHaveLength(1);
  });

  test("those that are listed", async () => {
    const listed = async (key: string) => (await clientOf(key).models.list()).data.map(({ id }) => id);
    expect([await listed(KEYS.small), await listed(KEYS.all)]).toEqual([["small"], ["small", "large"]]);
    expect(await errorOf(clientOf(KEYS.small).models.retrieve("large"))).toBeInstanceOf(OpenAI.NotFoundError);
  });

  test("a request that names none gets the one that the key is for", async () => {
    const response = await fetch(`${gateway.url}/v1/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEYS.small}` },
      body: '{"prompt":"x"}',
    });
    expect(response.status).toBe(200);
  });
});

test("no header makes a client another tenant", async () => {
  const before = () => gateway.app.gateway().deck.admission.tenants;
  await ask(KEYS.all, "small");
  const known = before();
  await ask(KEYS.all, "small", { "x-tenant-id": "somebody-else" });
  expect(before()).toBe(known);
});

test("what a client says in the gateway's name does not reach the engine, nor what an engine says the client", async () => {
  const said = { "x-plimsoll-shard": "a", "X-Plimsoll-Peer": "127.0.0.1", "x-plimsoll-anything": "b" };
  const { response } = await ask(KEYS.all, "small", said);
  const names = Object.keys(engine.recorded[0]?.headers ?? {});
  expect(names.filter((name) => name.startsWith("x-plimsoll-"))).toEqual([]);
  expect(response.headers.get("x-plimsoll-secret")).toBeNull();
  expect(response.headers.get("x-plimsoll-shard")).toMatch(/^chat\//);
});

test("limits of a key, and how far they are used up, as OpenAI's clients read it", async () => {
  const { response } = await ask(KEYS.limited);
  const rates = (headers: Headers) =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-ratelimit-")));
  expect(rates(response.headers)).toMatchObject({
    "x-ratelimit-limit-requests": "2",
    "x-ratelimit-remaining-requests": "1",
    "x-ratelimit-reset-requests": expect.stringMatching(/^16m\d+s$/) as string,
    "x-ratelimit-limit-tokens": "6000",
    "x-ratelimit-remaining-tokens": expect.stringMatching(/^5\d\d\d$/) as string,
    "x-ratelimit-reset-tokens": expect.stringMatching(/^[\d.]+m?s$/) as string,
  });
  await ask(KEYS.limited);
  const error = await errorOf(ask(KEYS.limited));
  expect(error).toBeInstanceOf(OpenAI.RateLimitError);
  const { headers } = error as InstanceType<typeof OpenAI.RateLimitError>;
  expect(rates(headers)).toMatchObject({ "x-ratelimit-remaining-requests": "0" });
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  // Where the gateway has no limit, the engine's own word stands.
  const { response: other } = await ask(KEYS.all);
  expect(rates(other.headers)).toEqual({ "x-ratelimit-limit-requests": "7" });
});

test("an operator's key opens operators' routes and no model, a client's the other way round", async () => {
  const state = (key: string) =>
    fetch(`${gateway.url}/admin/state`, { headers: { authorization: `Bearer ${key}` } });
  expect((await state(KEYS.ops)).status).toBe(200);
  const refused = await state(KEYS.all);
  expect([refused.status, await refused.json()]).toMatchObject([403, { error: { reason: "not_permitted" } }]);
  expect((await state(KEYS.old)).status).toBe(401);
  const nobody = await fetch(`${gateway.url}/metrics`);
  expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect(await errorOf(ask(KEYS.ops))).toBeInstanceOf(OpenAI.PermissionDeniedError);
});

test("keys are rotated by a reload: the new one is known, then the old one is not, and nobody is cut off", async () => {
  const fresh = "sk-fresh-0123456789abcdef";
  const again = await startGateway(config(allKeys()));
  const client = (apiKey: string) => new OpenAI({ baseURL: `${again.url}/v1`, apiKey, maxRetries: 0 });
  const models = async (key: string) => (await client(key).models.list()).data.length;
  const both = `${allKeys()}, fresh: { hash: ${hashOf(fresh)}, tenant: team }`;
  await again.reload(config(both));
  expect([await models(KEYS.all), await models(fresh)]).toEqual([2, 2]);
  await again.reload(config(both.replace(`all: { hash: ${hashOf(KEYS.all)}, tenant: team }, `, "")));
  expect(await errorOf(models(KEYS.all))).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(await models(fresh)).toBe(2);
  await again.stop();
});

test("a tenant's priority is that of its requests, where no header says another", async () => {
  const { tenancy, admission, ...keyed } = await readConfig(config(allKeys()));
  const reader = new OriginReader(tenancy, new Access(keyed, { now: Date.now }), admission);
  const headers = { authorization: `Bearer ${KEYS.all}` };
  const identity = await reader.identify(headers);
  expect(reader.read(headers, identity)).toMatchObject({ tenant: "team", priority: 5 });
});
