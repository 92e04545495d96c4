import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type RawClient, rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const PATH = "/v1/completions";
const BODY = '{"model":"small"}';
const SILENT = wireRequest(PATH, '{"model":"small","safety_identifier":"silent"}');
/** What must never be taken for a request. */
const HIDDEN = wireRequest(PATH, '{"model":"small","user":"hidden"}');
const LIMIT = 100_000;
const HTTP = `http: { headersTimeoutMs: 300, bodyTimeoutMs: 500, bodyLimitBytes: ${LIMIT}, maxHeaderBytes: 4096 }\n`;

let fake: FakeServer;
let gateway: RunningGateway;
let client: RawClient;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(HTTP + chatPool(fake.url));
});
beforeEach(async () => {
  client = await rawClient(gateway.url);
});
// Whatever a client did, the next one is served, and nothing is left of the first.
afterEach(async () => {
  client.socket.destroy();
  const next = await rawClient(gateway.url);
  next.socket.write(wireRequest(PATH, BODY, ["connection: close"]));
  expect(await next.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  expect([...gateway.app.gateway().pools[0].states.requests]).toEqual([0]);
  expect((await fake.seen()).filter(({ body }) => body.includes("hidden"))).toEqual([]);
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

/** The reason in the error that the response ends with. */
function reasonOf(response: string): string {
  const at = response.indexOf('{"error"');
  return (JSON.parse(response.slice(at)) as { error: { reason: string } }).error.reason;
}

function post(headers: readonly string[], body: string): string {
  return [`POST ${PATH} HTTP/1.1`, "host: x", ...headers, "", body].join("\r\n");
}

const LENGTH = `content-length: ${BODY.length}`;
const CHUNKED = "transfer-encoding: chunked";

test.each([
  ["one long header", [`x-flood: ${"x".repeat(5000)}`]],
  ["many short ones", Array.from({ length: 1000 }, (_, i) => `x${i}: 1`)],
])("%s: 431, and the connection is closed", async (_, headers) => {
  client.socket.write(wireRequest(PATH, BODY, headers));
  const answer = await client.closed;
  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  expect(reasonOf(answer)).toBe("headers_too_large");
});

test("clients that do not finish their request: 408, and the connection is closed", async () => {
  const unfinished = [
    "",
    `POST ${PATH} HTTP/1.1\r\nhost: x\r\n`,
    post(["content-length: 100"], BODY),
    post([CHUNKED], `11\r\n${BODY}\r\n`),
  ];
  const answers = unfinished.map(async (bytes) => {
    const { socket, closed } = await rawClient(gateway.url);
    socket.write(bytes);
    return closed;
  });
  for (const answer of await Promise.all(answers)) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(reasonOf(answer)).toBe("request_timeout");
  }
});

test("a client that sends a byte at a time is not waited for either", async () => {
  client.socket.write(post(["content-length: 10000"], ""));
  const dribble = setInterval(() => client.socket.write("x"), 20);
  const answer = await client.closed;
  clearInterval(dribble);
  expect(reasonOf(answer)).toBe("request_timeout");
});

test.each([
  ["announced", post([`content-length: ${LIMIT + 1}`], "")],
  ["sent in chunks", post([CHUNKED], `${(LIMIT + 1).toString(16)}\r\n${"x".repeat(LIMIT + 1)}`)],
])("a body over the limit, %s: 413 before its end, and the connection is closed", async (_, bytes) => {
  client.socket.write(bytes);
  const answer = await client.closed;
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(reasonOf(answer)).toBe("body_too_large");
});

test("a body that is no UTF-8: 400, and the connection goes on", async () => {
  client.socket.write(post([LENGTH], '{"model":"smal\xff"}'), "latin1");
  await expect.poll(() => client.text(), patiently).toContain("not valid UTF-8");
  expect(reasonOf(client.text())).toBe("invalid_request");
  client.socket.write(wireRequest(PATH, BODY, ["connection: close"]));
  expect((await client.closed).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
});

test.each(["\\ud800", "\\u0000", "../../x", "%", "é"])(
  "a previous response named %s, which no server has, is nobody's trouble",
  async (id) => {
    const body = `{"model":"small","previous_response_id":"${id}"}`;
    client.socket.write(wireRequest(PATH, body, ["connection: close"]));
    expect(await client.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  },
);

test("what is thrown while it is looked for ends that one request", async () => {
  const lookUp = vi.spyOn(gateway.app.gateway(), "lookUp");
  lookUp.mockImplementationOnce(() => Promise.reject(new TypeError("the inside")));
  client.socket.write(wireRequest(PATH, BODY, ["connection: close"]));
  expect(reasonOf(await client.closed)).toBe("internal");
  lookUp.mockRestore();
});

test("requests sent without waiting are answered in their order", async () => {
  const stream = wireRequest(PATH, '{"model":"small","stream":true,"max_tokens":20}', ["x-request-id: one"]);
  client.socket.write(stream + wireRequest(PATH, BODY, ["connection: close", "x-request-id: two"]));
  const answers = await client.closed;
  expect(answers.match(/x-request-id: \w+/g)).toEqual(["x-request-id: one", "x-request-id: two"]);
  expect(answers.indexOf("[DONE]")).toBeLessThan(answers.lastIndexOf("HTTP/1.1 200"));
});

test("a request sent without waiting is not begun before its turn", async () => {
  const posts = async () => (await fake.seen()).filter(({ method }) => method === "POST").length;
  const before = await posts();
  client.socket.write(SILENT + HIDDEN.repeat(3));
  await expect.poll(posts, patiently).toBe(before + 1);
  await (await fetch(`${gateway.url}/health`)).text();
  expect(await posts()).toBe(before + 1);
});

test("a client that sends more and more without waiting is cut off", async () => {
  client.socket.write(SILENT + HIDDEN.repeat(1000));
  expect(await client.closed).toBe("");
});

test.each([
  ["lists of models", "GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"],
  ["routes that are not there", "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"],
  ["the state", "GET /admin/state HTTP/1.1\r\nhost: x\r\n\r\n"],
])("a client that asks for %s without waiting is cut off", async (_, bytes) => {
  client.socket.write(bytes.repeat(1000));
  expect((await client.closed).split("HTTP/1.1 ").length).toBeLessThan(40);
});

test("a client that asks for a few things at once gets them all", async () => {
  const models = "GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n";
  client.socket.write(models.repeat(8) + wireRequest(PATH, BODY, ["connection: close"]));
  expect((await client.closed).match(/HTTP\/1\.1 200/g)).toHaveLength(9);
});

test("garbage after a request closes the connection, and frees the request", async () => {
  client.socket.write(`${SILENT}garbage\r\n\r\n`);
  expect(reasonOf(await client.closed)).toBe("invalid_request");
  const fate = async () => (await fake.seen()).findLast(({ body }) => body.includes("silent"))?.fate;
  await expect.poll(fate, patiently).toBe("aborted");
});

test("clients that vanish leave nothing behind, however much they sent", async () => {
  for (let i = 0; i < 100; i++) {
    const { socket } = await rawClient(gateway.url);
    socket.write(i % 2 === 0 ? SILENT : SILENT + SILENT + SILENT);
    if (i % 3 === 0) socket.resetAndDestroy();
    else if (i % 3 === 1) setImmediate(() => socket.resetAndDestroy());
    else setTimeout(() => socket.destroy(), i % 10);
  }
  const reached = async () => (await fake.seen()).filter(({ body }) => body.includes("silent"));
  await expect
    .poll(async () => (await reached()).filter(({ fate }) => fate === "open"), patiently)
    .toEqual([]);
});

test("a target with another server's name reaches the engine as its own path", async () => {
  client.socket.write(wireRequest(`http://elsewhere.example${PATH}?a=1`, BODY, ["connection: close"]));
  expect(await client.closed).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect((await fake.seen()).map(({ url }) => url)).toContain(`${PATH}?a=1`);
});
