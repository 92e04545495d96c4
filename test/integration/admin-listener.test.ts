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

describe("where nobody has to show anything, nothing listens beyond loopback", () => {
  const heard = async (http: string, more = "") => {
    const read = await readConfig(`http: { ${http} }\n${more}\n${chatPool(engine.url)}`, OPERATOR);
    return [read.http.host, read.http.admin.host];
  };
  const keys = (role: string) =>
    `access: { keys: { a: { hash: "sha256:${"0".repeat(64)}", role: ${role} } } }`;
  const anonymous = "access: { anonymous: true }";
  const ofOperators = 'admin: { host: "::", port: 1 }';

  test.each([
    ['host: "0.0.0.0"', keys("client"), ["0.0.0.0", "127.0.0.1"]],
    ['host: "0.0.0.0"', anonymous, ["0.0.0.0", "127.0.0.1"]],
    [`operatorKeyEnv: OPS, ${ofOperators}`, "", ["127.0.0.1", "::"]],
    [ofOperators, keys("operator"), ["127.0.0.1", "::"]],
    // Where there is no such listener, nothing is wrong with its host.
    ['host: localhost, admin: { host: "10.0.0.5" }', "", ["localhost", "10.0.0.5"]],
    ['host: "127.0.0.5"', "", ["127.0.0.5", "127.0.0.1"]],
  ] as const)("%s %s", async (http, more, expected) => {
    expect(await heard(http, more)).toEqual(expected);
  });

  const forClients = /http\.host is .*, which others reach.*access\.keys, or access\.anonymous: true/;
  const forOperators = /http\.admin\.host is ::, which others reach.*http\.operatorKeyEnv/;
  test.each([
    ['host: "0.0.0.0"', "", forClients],
    ['host: "::"', "", forClients],
    ["host: gateway.example", "", forClients],
    // Nobody's key but a client's is asked for at models.
    ['host: "0.0.0.0", operatorKeyEnv: OPS', "", forClients],
    ['host: "0.0.0.0"', keys("engine"), forClients],
    // A client's key is none of operators.
    [ofOperators, keys("client"), forOperators],
    [ofOperators, anonymous, forOperators],
    ["", `access: { anonymous: true, ${keys("client").slice(10)}`, /access\.anonymous is true, and/],
  ] as const)("%s %s is refused", async (http, more, message) => {
    await expect(heard(http, more)).rejects.toThrow(message);
  });

  test("a reload that would open it changes nothing", async () => {
    const pools = chatPool(engine.url);
    const gateway = await startGateway(`${keys("client")}\n${pools}`);
    await expect(gateway.reload(`http: { host: "0.0.0.0" }\n${pools}`)).rejects.toThrow(forClients);
    expect((await fetch(`${gateway.url}/v1/models`)).status).toBe(401);
    await gateway.stop();
  });

  test("a reload takes no keys away where others reach what is listened on since the start", async () => {
    const pools = chatPool(engine.url);
    const gateway = await startGateway(`http: { host: "0.0.0.0" }\n${keys("client")}\n${pools}`);
    const here = `http://127.0.0.1:${new URL(gateway.url).port}/v1/models`;
    await expect(gateway.reload(pools)).rejects.toThrow(/http\.host is 0\.0\.0\.0 until the next start/);
    expect((await fetch(here)).status).toBe(401);
    await gateway.reload(`access: { anonymous: true }\n${pools}`);
    expect((await fetch(here)).status).toBe(200);
    await gateway.stop();
  });
});
