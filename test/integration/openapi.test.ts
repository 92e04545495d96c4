import diagnostics from "node:diagnostics_channel";
import { existsSync, readdirSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { scratchFolder, type ScratchFolder } from "../../harness/scratch-folder.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { OPERATIONS, openApiDocument, pathOf } from "../../src/http/openapi/document.ts";
import { ownVersion } from "../../src/files/own-version.ts";
import { patiently } from "../patiently.ts";

const DASHBOARD = new URL("../../dist/dashboard/", import.meta.url);

/** What Fastify was given, but for `HEAD` and `OPTIONS`, and what answers 405. */
const registered = new Set<string>();

function watchRoutes(message: unknown): void {
  const { fastify } = message as { readonly fastify: FastifyInstance };
  fastify.addHook("onRoute", ({ method, url }) => {
    const methods = [method].flat();
    // Only what refuses other methods takes this one.
    if (methods.includes("TRACE")) return;
    for (const one of methods)
      if (!["HEAD", "OPTIONS"].includes(one)) registered.add(`${one.toLowerCase()} ${pathOf(plain(url))}`);
  });
}

/** Without the pattern that an id must match. */
function plain(url: string): string {
  return url.replace(/\(.*\)/, "");
}

let folder: ScratchFolder;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  const group = await smallGroup(folder);
  const simulated = group.replace("{", "{ name: demo, kind: simulated, seed: 1,");
  const real = `{ name: real, kind: openai, models: [other], urls: [http://127.0.0.1:9], experts: ${group} }`;
  diagnostics.subscribe("fastify.initialization", watchRoutes);
  gateway = await startGateway(`control: { sharesMs: 100 }\npools: [${simulated}, ${real}]`);
  diagnostics.unsubscribe("fastify.initialization", watchRoutes);
  const published = async () => expect((await fetch(`${gateway.url}/ep/v1/placement/real`)).status).toBe(200);
  await vi.waitFor(published, patiently);
  const chat = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(CHAT),
  };
  const ready = async () =>
    expect((await fetch(`${gateway.url}/v1/chat/completions`, chat)).status).toBe(200);
  await vi.waitFor(ready, patiently);
});
afterAll(async () => {
  await gateway.stop();
  await folder[Symbol.asyncDispose]();
});

test("the description is OpenAPI 3.1", async () => {
  const served: unknown = await (await fetch(`${gateway.url}/openapi.json`)).json();
  expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocument(ownVersion()))));
  const { valid, errors } = await new Validator().validate(served as Record<string, unknown>);
  expect([valid, errors]).toEqual([true, undefined]);
});

test("it has every route that the gateway has, and no other", () => {
  const files = existsSync(DASHBOARD) ? readdirSync(DASHBOARD, { recursive: true }).map(String) : [];
  const isFile = (route: string) => files.some((file) => route === `get /${file.replaceAll("\\", "/")}`);
  const described = OPERATIONS.map(({ method, path }) => `${method} ${pathOf(path)}`);
  expect(new Set(described).size).toBe(described.length);
  expect([...registered].filter((route) => !isFile(route)).toSorted()).toEqual(described.toSorted());
});

const CHAT = { model: "small", max_tokens: 2, messages: [{ role: "user", content: "a" }] };
const SLOTS = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };

test.each<[method: "GET" | "POST", path: string, status: number, body?: object]>([
  ["POST", "/v1/chat/completions", 200, CHAT],
  ["POST", "/v1/chat/completions", 404, { ...CHAT, model: "none" }],
  ["POST", "/v1/messages", 404, { ...CHAT, model: "none" }],
  ["GET", "/v1/models", 200],
  ["GET", "/v1/models/small", 200],
  ["GET", "/health", 200],
  ["GET", "/ready", 200],
  ["GET", "/admin/state", 200],
  ["GET", "/admin/pools/demo/explain", 200],
  ["GET", "/admin/pools/demo/audit?count=3", 200],
  ["GET", "/admin/pools/demo/simulation", 200],
  ["POST", "/admin/pools/demo/simulation", 200, { shift: true }],
  ["POST", "/admin/pools/real/simulation", 409, { shift: true }],
  ["POST", "/admin/pools/demo/rebalance", 202],
  ["POST", "/admin/pools/demo/ranks/1/drain", 202],
  ["POST", "/admin/pools/demo/ranks/1/undrain", 202],
  ["POST", "/admin/pools/demo/rollback", 202, { epoch: 1 }],
  ["GET", "/admin/locality/small", 404],
  ["GET", "/ep/v1/placement/real", 200],
  ["GET", "/ep/v1/shares/real", 200],
  ["GET", "/ep/v1/history/demo", 200],
  ["GET", "/ep/v1/history/demo/gpus", 200],
  ["GET", "/ep/v1/forecast/demo", 200],
  ["GET", "/ep/v1/exchange/demo", 200],
  ["GET", "/ep/v1/exchange/demo?from=0", 200],
  ["GET", "/ep/v1/changes/demo/999", 404],
  ["POST", "/ep/v1/acks", 409, { pool: "real", epoch: 9, rank: 0, phase: "prepared" }],
  ["POST", "/ep/v1/ranks", 202, { pool: "real", rank: 1, state: "ready", incarnation: 1 }],
  [
    "POST",
    "/ep/v1/load",
    202,
    {
      pool: "real",
      rank: 0,
      windowMs: 1000,
      logical_count: Array.from({ length: 6 }, () => Array.from({ length: 32 }, () => 1)),
    },
  ],
  ["POST", "/ep/v1/solve", 200, { load: [[4, 3, 2, 1]], topology: SLOTS, dispatch: "even" }],
  ["POST", "/ep/v1/plan", 400, { model: "none" }],
])("%s %s: what is sent and what comes (%i) is as it says", async (method, path, status, body) => {
  const response = await fetch(gateway.url + path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  expect([response.status, answer]).toMatchObject([status, {}]);
  const operation = OPERATIONS.find(
    (one) => one.method === method.toLowerCase() && matches(pathOf(one.path), path),
  );
  if (body !== undefined) conforms(operation?.body?.content["application/json"], body);
  const refusal = operation?.errors === "anthropic" ? "AnthropicError" : "Error";
  const { components } = openApiDocument("1.0.0") as { components: { schemas: Record<string, object> } };
  conforms(operation?.answers[status]?.content["application/json"] ?? components.schemas[refusal], answer);
});

function matches(pattern: string, path: string): boolean {
  const parts = pattern.split(/\{\w+\}/).map((part) => part.replaceAll(".", String.raw`\.`));
  return new RegExp(`^${parts.join("[^/]+")}$`).test(path.split("?", 1)[0]);
}

function conforms(schema: object | undefined, value: unknown): void {
  expect(schema).toBeDefined();
  expect(
    z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).error,
  ).toBeUndefined();
}
