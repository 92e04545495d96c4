import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OpenAiEngine } from "../../src/engines/openai/openai-engine.ts";
import { EngineUnreachable } from "../../src/serving/engine.ts";
import { type FakeServer, deadUrl, startOpenAiServer } from "../fakes/start-openai-server.ts";
import { engineContract } from "./engine-contract.ts";

const timeouts = { connectTimeoutMs: 1000, headTimeoutMs: 5000, idleTimeoutMs: 5000 };
const never = new AbortController().signal;

let fake: FakeServer;
beforeAll(async () => {
  fake = await startOpenAiServer();
});
afterAll(() => fake.kill());

describe("openai", () => {
  engineContract(async () => {
    const engine = new OpenAiEngine("chat", [fake.url], timeouts);
    return {
      engine,
      model: "small",
      busy: async () => (await fake.seen()).some((request) => request.fate === "open"),
      close: () => engine.close(),
    };
  });

  test("relays path, headers and body byte for byte, both ways", async () => {
    const engine = new OpenAiEngine("chat", [`${fake.url}/`], timeouts);
    const body = Buffer.from('{"model":"small",  "safety_identifier":"error", "odd":"\\u00e9 \u{1F6A2}"}');
    const request = {
      method: "POST",
      path: "/v1/chat/completions?a=%20b",
      headers: { authorization: "Bearer x" },
      body,
    } as const;
    const response = await engine.forward(engine.shards[0], request, never);
    expect(response.status).toBe(418);
    expect(response.headers["x-engine"]).toBe("fake");
    expect(Buffer.concat(await response.body.toArray()).toString()).toBe(
      '{"error":{"message":"as asked","type":"teapot","param":null,"code":null}}',
    );
    const last = (await fake.seen()).at(-1);
    expect(last).toMatchObject({ method: "POST", url: "/v1/chat/completions?a=%20b" });
    expect(last?.headers["authorization"]).toBe("Bearer x");
    expect(last?.bodySha256).toBe(createHash("sha256").update(body).digest("hex"));
    await engine.close();
  });

  test("a server that is not there was surely not begun with", async () => {
    const engine = new OpenAiEngine("chat", [await deadUrl()], timeouts);
    const request = { method: "GET", path: "/v1/models", headers: {}, body: null } as const;
    const error = await engine.forward(engine.shards[0], request, never).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(EngineUnreachable);
    expect(error).toMatchObject({
      mayHaveBegun: false,
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
    await expect(engine.models()).rejects.toThrow(EngineUnreachable);
    await engine.close();
  });

  test.each([
    ["reset-before-head", timeouts],
    ["silent", { ...timeouts, headTimeoutMs: 300 }],
  ])("a server that took the request and failed (%s) may have begun", async (safety_identifier, limits) => {
    const engine = new OpenAiEngine("chat", [fake.url], limits);
    const body = Buffer.from(JSON.stringify({ model: "small", safety_identifier }));
    const request = { method: "POST", path: "/v1/completions", headers: {}, body } as const;
    await expect(engine.forward(engine.shards[0], request, never)).rejects.toMatchObject({
      name: "EngineUnreachable",
      mayHaveBegun: true,
    });
    await engine.close();
  });
});
