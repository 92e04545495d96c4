import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const PAGE = "https://app.example";
const CHAT = "/v1/chat/completions";
const ASKED = {
  origin: PAGE,
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,content-type",
};

let engine: RecordingEngine;
beforeAll(async () => {
  engine = await recordingEngine((_, response) => {
    response.writeHead(200, { "access-control-allow-origin": "https://engines.example", vary: "accept" });
    response.end("{}");
  });
});
beforeEach(() => engine.clear());
afterAll(() => engine[Symbol.asyncDispose]());

/** The answer's status, and who may read it. */
async function answer(
  { url }: RunningGateway,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | null = null,
): Promise<[status: number, origin: string | null]> {
  const response = await fetch(url + path, { method, headers, body });
  await response.text();
  return [response.status, response.headers.get("access-control-allow-origin")];
}

describe("left to the engines", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway(chatPool(engine.url));
  });
  afterAll(() => gateway.stop());

  test("a preflight is asked of an engine, and nothing is added to answers", async () => {
    expect(await answer(gateway, "OPTIONS", CHAT, ASKED)).toEqual([200, "https://engines.example"]);
    expect(await answer(gateway, "OPTIONS", "/v1/models/small", ASKED)).toEqual([
      200,
      "https://engines.example",
    ]);
    expect(engine.recorded.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `OPTIONS ${CHAT}`,
      "OPTIONS /v1/models",
    ]);
    expect(engine.recorded[0].headers).toMatchObject(ASKED);
    const origin = { origin: PAGE };
    expect(await answer(gateway, "POST", CHAT, origin, '{"model":"small"}')).toEqual([
      200,
      "https://engines.example",
    ]);
    expect(await answer(gateway, "POST", CHAT, origin, '{"model":"nope"}')).toEqual([404, null]);
    expect(await answer(gateway, "GET", "/v1/models", origin)).toEqual([200, null]);
  });

  test("a preflight goes to a pool that can serve", async () => {
    const pools = await startGateway(`health: { probe: { intervalMs: 20, unhealthyAfter: 1 } }
pools:
  - { name: dead, kind: openai, models: [other], urls: [${await deadUrl()}] }
  - { name: chat, kind: openai, models: [small], urls: [${engine.url}] }`);
    const asked = () => answer(pools, "OPTIONS", CHAT, ASKED);
    await expect.poll(asked, patiently).toEqual([200, "https://engines.example"]);
    await pools.stop();
  });

  test("OPTIONS that is none, and where no route is", async () => {
    expect(await answer(gateway, "OPTIONS", CHAT, { origin: PAGE })).toEqual([405, null]);
    expect(await answer(gateway, "OPTIONS", "/v1/nowhere", ASKED)).toEqual([404, null]);
    expect(engine.recorded).toEqual([]);
  });
});

describe.each([
  ["one origin", PAGE, PAGE],
  ["a list", `["https://other.example", "${PAGE}"]`, PAGE],
  ["any", '"*"', "*"],
])("said by the gateway: %s", (_, setting, allowed) => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway(`http: { corsOrigins: ${setting} }\n${chatPool(engine.url)}`);
  });
  afterAll(() => gateway.stop());

  test("a preflight is answered here", async () => {
    const response = await fetch(gateway.url + CHAT, { method: "OPTIONS", headers: ASKED });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": allowed,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization,content-type",
      "access-control-max-age": "600",
    });
    expect(engine.recorded).toEqual([]);
  });

  test.each([
    ["POST", CHAT, '{"model":"small"}', 200],
    ["POST", CHAT, '{"model":"nope"}', 404],
    ["POST", CHAT, "{", 400],
    ["GET", "/v1/models", null, 200],
    ["GET", "/v1/models/nope", null, 404],
  ])("%s %s %s: %d with the origin that may read it", async (method, path, body, status) => {
    expect(await answer(gateway, method, path, { origin: PAGE }, body)).toEqual([status, allowed]);
  });

  test("never for operators", async () => {
    for (const path of ["/health", "/metrics", "/metrics/experts", "/admin/state", "/ep/v1/placement/chat"]) {
      expect((await answer(gateway, "GET", path, { origin: PAGE }))[1]).toBeNull();
      expect((await answer(gateway, "OPTIONS", path, ASKED))[1]).toBeNull();
    }
  });
});

test("an origin that may not is not named, and no cache mixes the two up", async () => {
  const gateway = await startGateway(`http: { corsOrigins: [${PAGE}] }\n${chatPool(engine.url)}`);
  for (const origin of ["https://evil.example", `${PAGE}.evil.example`, "null"]) {
    expect(await answer(gateway, "OPTIONS", CHAT, { ...ASKED, origin })).toEqual([204, null]);
    expect(await answer(gateway, "POST", CHAT, { origin }, '{"model":"small"}')).toEqual([200, null]);
  }
  const response = await fetch(gateway.url + CHAT, { method: "POST", body: '{"model":"small"}' });
  expect(response.headers.get("vary")).toBe("accept, origin");
  await gateway.stop();
});

test.each(["app.example", "https://app.example/", "[]", "https://a.example https://b.example"])(
  "the origin %s is refused with the hint",
  async (setting) => {
    await expect(startGateway(`http: { corsOrigins: ${setting} }\n${chatPool(engine.url)}`)).rejects.toThrow(
      "corsOrigins",
    );
  },
);
