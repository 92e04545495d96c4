import { afterAll, beforeAll, expect, test } from "vitest";
import { type RawClient, rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";

const PATH = "/v1/completions";
const SMALL = wireRequest(PATH, '{"model":"small"}', ["connection: close"]);
const LIMITS = "http: { bodyLimitBytes: 100000, bodyMemoryBytes: 200000 }\n";

let fake: FakeServer;
let gateway: RunningGateway;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(LIMITS + chatPool(fake.url));
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

/** Sends so much of a body of 100,000 bytes, and no more. */
async function upload(bytes: number): Promise<RawClient> {
  const client = await rawClient(gateway.url);
  const body = `{"model":"small","prompt":"${"x".repeat(100_000)}`.slice(0, bytes);
  client.socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n${body}`);
  return client;
}

async function answerTo(request: string): Promise<string> {
  const client = await rawClient(gateway.url);
  client.socket.write(request);
  return client.closed;
}

test("the largest upload makes room for others, and those go on", async () => {
  const first = await upload(60_000);
  const largest = await upload(90_000);
  const third = await upload(40_000);
  expect(await answerTo(SMALL)).toMatch(/^HTTP\/1\.1 200 /);
  expect(largest.text()).toBe("");
  // 190,000 bytes are there: of those that arrive the largest goes.
  const fourth = await upload(20_000);
  await expect
    .poll(largest.text, patiently)
    .toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1\r\n[^]*"reason":"overloaded"/);
  expect(largest.text()).toContain("no memory left for the request's body");
  expect(await answerTo(SMALL)).toMatch(/^HTTP\/1\.1 200 /);
  for (const client of [first, third, fourth]) {
    expect(client.text()).toBe("");
    client.socket.destroy();
  }
  largest.socket.destroy();
});

test("an upload that is itself the largest makes room; what it sends on is not kept", async () => {
  const others = await Promise.all([upload(55_000), upload(55_000)]);
  const largest = await upload(95_000);
  await expect.poll(largest.text, patiently).toMatch(/^HTTP\/1\.1 503 /);
  largest.socket.write("x".repeat(5000));
  await largest.closed;
  for (const { socket, text } of others) {
    expect(text()).toBe("");
    socket.destroy();
  }
});

test.each([
  ["clients leave", (socket: RawClient["socket"]) => socket.destroy()],
  [
    "a body is malformed",
    (socket: RawClient["socket"]) => void socket.write("\u0001{".repeat(2) + '"nonsense'),
  ],
])("memory is free again when %s", async (_, end) => {
  for (let round = 0; round < 4; round++) {
    const clients = await Promise.all([upload(80_000), upload(80_000)]);
    for (const { socket, text } of clients) {
      expect(text()).toBe("");
      socket.write('","more":');
      end(socket);
    }
    // Two more of them have room.
    await expect.poll(async () => (await answerTo(SMALL)).slice(9, 12), patiently).toBe("200");
    const next = await upload(99_000);
    await expect.poll(async () => (await answerTo(SMALL)).slice(9, 12), patiently).toBe("200");
    expect(next.text()).toBe("");
    next.socket.destroy();
    for (const { socket } of clients) socket.destroy();
  }
});

test("what is answered is no longer held", async () => {
  const body = `{"model":"small","prompt":"${"x".repeat(90_000)}"}`;
  for (let i = 0; i < 6; i++)
    expect(await answerTo(wireRequest(PATH, body, ["connection: close"]))).toMatch(/^HTTP\/1\.1 200 /);
});
