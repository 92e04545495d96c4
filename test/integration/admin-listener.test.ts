import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { chatPool, readConfig, startGateway } from "../../harness/fakes/start-gateway.ts";

const OPERATOR = { OPS: "operators-key-0123456789" };
const PRIVATE = [
  "/admin/state",
  "/metrics",
  "/metrics/experts",
  "/ep/v1/events",
  "/ep/v1/placement/chat",
  "/",
];

let engine: RecordingEngine;
beforeAll(async () => {
  engine = await recordingEngine((_, response) => void response.end('{"choices":[]}'));
});
afterAll(() => engine[Symbol.asyncDispose]());

const status = async (url: string, init: RequestInit = {}) => {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
};

test("the listener for clients has no route of operators and engines, and that of operators none of clients", async () => {
  const gateway = await startGateway(
    `http: { operatorKeyEnv: OPS, admin: { port: 0 } }\n${chatPool(engine.url)}`,
    OPERATOR,
  );
  const headers = { authorization: `Bearer ${OPERATOR.OPS}` };
  const admin = gateway.admin ?? "";
  for (const path of PRIVATE)
    expect([path, await status(gateway.url + path, { headers })]).toEqual([path, 404]);
  for (const path of ["/ep/v1/load", "/ep/v1/acks", "/ep/v1/solve", "/admin/pools/chat/pause"])
    expect([path, await status(gateway.url + path, { method: "POST", headers, body: "{}" })]).toEqual([
      path,
      404,
    ]);
  for (const path of ["/health", "/ready"]) {
    expect([path, await status(gateway.url + path)]).toEqual([path, 200]);
    expect([path, await status(admin + path)]).toEqual([path, 200]);
  }
  // Why the store fails is for operators alone, whom this listener does not know.
  expect(await (await fetch(`${gateway.url}/ready`, { headers })).json()).not.toHaveProperty("storeFault");
  expect(await (await fetch(`${admin}/ready`, { headers })).json()).toHaveProperty("storeFault");

  expect(await status(`${admin}/admin/state`, { headers })).toBe(200);
  expect(await status(`${admin}/metrics`, { headers })).toBe(200);
  expect(await status(`${admin}/admin/state`)).toBe(401);
  const body = JSON.stringify({ model: "small", prompt: "x" });
  expect(await status(`${gateway.url}/v1/completions`, { method: "POST", body })).toBe(200);
  expect(await status(`${admin}/v1/completions`, { method: "POST", body, headers })).toBe(404);
  expect(await status(`${admin}/v1/models`, { headers })).toBe(404);
  await gateway.stop();
});

describe("without a key nothing listens beyond loopback", () => {
  const heard = async (http: string, more = "") => {
    const { http: read, notes } = await readConfig(
      `http: { ${http} }\n${more}\n${chatPool(engine.url)}`,
      OPERATOR,
    );
    return [read.host, read.admin.host, notes.filter((note) => note.includes("there is no key")).length];
  };
  const client = `access: { keys: { a: { hash: "sha256:${"0".repeat(64)}" } } }`;
  const operator = `access: { keys: { a: { hash: "sha256:${"0".repeat(64)}", role: operator } } }`;

  test.each([
    ['host: "0.0.0.0"', "", ["127.0.0.1", "127.0.0.1", 1]],
    ['host: "::"', "", ["::1", "127.0.0.1", 1]],
    ['host: gateway.example, admin: { host: "0.0.0.0", port: 1 }', "", ["127.0.0.1", "127.0.0.1", 2]],
    ['host: "0.0.0.0", operatorKeyEnv: OPS', "", ["0.0.0.0", "127.0.0.1", 0]],
    ['host: "0.0.0.0"', client, ["0.0.0.0", "127.0.0.1", 0]],
    // A client's key is none of operators.
    ['host: "0.0.0.0", admin: { host: "0.0.0.0", port: 1 }', client, ["0.0.0.0", "127.0.0.1", 1]],
    ['host: "0.0.0.0", admin: { host: "::", port: 1 }', operator, ["0.0.0.0", "::", 0]],
    ['host: localhost, admin: { host: "127.0.0.5" }', "", ["localhost", "127.0.0.5", 0]],
  ] as const)("%s %s", async (http, more, expected) => {
    expect(await heard(http, more)).toEqual(expected);
  });

  test("it is so at the socket, not only in words", async () => {
    const gateway = await startGateway(
      `http: { host: "0.0.0.0", admin: { host: "::", port: 0 } }\n${chatPool(engine.url)}`,
    );
    expect(new URL(gateway.url).hostname).toBe("127.0.0.1");
    expect(new URL(gateway.admin ?? "").hostname).toBe("[::1]");
    await gateway.stop();
  });
});
