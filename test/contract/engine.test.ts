import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpEngineOptions } from "../../src/engines/http/http-engine.ts";
import type { Timeouts } from "../../src/engines/http/server-connections.ts";
import { openAiEngine } from "../../src/engines/openai/openai-engine.ts";
import { EngineUnreachable, type EngineRequest } from "../../src/serving/engine.ts";
import { shardReports } from "../../src/serving/health/shard-reports.ts";
import { header, respond, sent } from "../engine-response.ts";
import { type FakeServer, deadUrl, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";
import { engineContract } from "./engine-contract.ts";

const timeouts: Timeouts = {
  connectTimeoutMs: 1000,
  firstTokenTimeoutMs: 5000,
  idleTimeoutMs: 5000,
  connections: 0,
};
const never = new AbortController().signal;

let fake: FakeServer;
beforeAll(async () => {
  fake = await startOpenAiServer();
});
afterAll(() => fake.kill());

function options(url: string, limits = timeouts): HttpEngineOptions {
  return {
    pool: "chat",
    urls: [url],
    dataParallelSize: 1,
    rankOffsets: [0],
    apiKey: null,
    timeouts: limits,
  };
}

function completion(safety_identifier: string): EngineRequest {
  const body = Buffer.from(JSON.stringify({ model: "small", stream: true, safety_identifier }));
  return { method: "POST", path: "/v1/completions", headers: [], body };
}

describe("openai", () => {
  engineContract(async () => {
    const engine = openAiEngine(options(fake.url));
    return {
      engine,
      model: "small",
      busy: async () => (await fake.seen()).some((request) => request.fate === "open"),
      close: () => engine.close(),
    };
  });

  test("relays path, headers and body byte for byte, both ways", async () => {
    const engine = openAiEngine(options(`${fake.url}/`));
    const body = Buffer.from('{"model":"small",  "safety_identifier":"error", "odd":"\\u00e9 \u{1F6A2}"}');
    const path = "/v1/chat/completions?a=%20b";
    const headers = ["Authorization", "Bearer x", "x-two", "1", "x-two", "2"];
    const response = await respond(engine, engine.shards[0], { method: "POST", path, headers, body });
    expect(response.status).toBe(418);
    expect(header(response, "x-engine")).toBe("fake");
    expect(response.text).toBe('{"error":{"message":"as asked","type":"teapot","param":null,"code":null}}');
    const last = (await fake.seen()).at(-1);
    expect(last).toMatchObject({ method: "POST", url: path });
    expect(last?.headers).toMatchObject({ authorization: "Bearer x", "x-two": "1, 2" });
    expect(last?.bodySha256).toBe(createHash("sha256").update(body).digest("hex"));
    await engine.close();
  });

  test("a key of the pool's stands in for the client's, and goes with questions too", async () => {
    const engine = openAiEngine({ ...options(fake.url), apiKey: "secret" });
    const headers = ["Authorization", "Bearer client"];
    await respond(engine, engine.shards[0], { ...completion("error"), headers });
    expect((await fake.seen()).at(-1)?.headers["authorization"]).toBe("Bearer secret");
    await engine.servers[0].models(never);
    expect((await fake.seen()).at(-1)?.headers["authorization"]).toBe("Bearer secret");
    await engine.close();
  });

  test("a server that is not there was surely not begun with", async () => {
    const engine = openAiEngine(options(await deadUrl()));
    const fault = await respond(engine, engine.shards[0], completion("")).catch((caught: unknown) => caught);
    expect(fault).toBeInstanceOf(EngineUnreachable);
    expect(fault).toMatchObject({
      mayHaveBegun: false,
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
    await expect(engine.servers[0].models(never)).rejects.toThrow(EngineUnreachable);
    await expect(shardReports(engine.servers[0], never)).rejects.toThrow(EngineUnreachable);
    await engine.close();
  });

  test.each([
    ["reset-before-headers", timeouts],
    ["silent", { ...timeouts, firstTokenTimeoutMs: 300 }],
  ])("a server that took the request and failed (%s) may have begun", async (trouble, limits) => {
    const engine = openAiEngine(options(fake.url, limits));
    const { sink } = sent(engine, engine.shards[0], completion(trouble));
    await sink.over;
    expect(sink.received).toEqual(["fail"]);
    expect(sink.fault).toMatchObject({ name: "EngineUnreachable", mayHaveBegun: true });
    await engine.close();
  });

  test("what cannot be written fails, but never inside `send`", async () => {
    const engine = openAiEngine(options(fake.url));
    const headers = ["x-odd", "line\nbreak"];
    const { sink } = sent(engine, engine.shards[0], { ...completion(""), headers });
    expect(sink.received).toEqual([]);
    await sink.over;
    expect(sink.received).toEqual(["fail"]);
    expect(sink.fault?.mayHaveBegun).toBe(false);
    await engine.close();
  });

  test("of more requests than connections the later ones wait, and questions do not", async () => {
    const engine = openAiEngine(options(fake.url, { ...timeouts, connections: 1 }));
    const open = async () => (await fake.seen()).filter((request) => request.fate === "open").length;
    const first = sent(engine, engine.shards[0], completion("silent"));
    await expect.poll(open, patiently).toBe(1);
    const second = sent(engine, engine.shards[0], completion("error"));
    await shardReports(engine.servers[0], never);
    expect(second.sink.received).toEqual([]);
    first.exchange.cancel();
    await second.sink.over;
    expect(second.sink.headersHeard?.status).toBe(418);
    await engine.close();
  });
});
