import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RedisServer, startRedis } from "../../harness/fakes/redis-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";

let redis: RedisServer;
let engine: Server;
let gateways: RunningGateway[];
beforeAll(async () => {
  redis = await startRedis();
  // It takes requests, and never answers them.
  engine = createServer((request, response) => {
    if (request.method === "GET") response.end('{"object":"list","data":[{"id":"small"}]}');
  });
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", resolve));
  const yaml = `
store: { url: "${redis.url}" }
tenancy: { header: x-tenant-id }
admission: { tenant: { maxInFlight: 4 } }
pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [http://127.0.0.1:${(engine.address() as AddressInfo).port}]
`;
  gateways = await Promise.all([startGateway(yaml), startGateway(yaml)]);
});
afterAll(async () => {
  engine.closeAllConnections();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  engine.close();
  await redis[Symbol.asyncDispose]();
});

function ask({ url }: RunningGateway, signal: AbortSignal): Promise<number> {
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant-id": "a" },
    body: JSON.stringify({ model: "small", prompt: "hi" }),
    signal,
  }).then(
    ({ status }) => status,
    () => 0,
  );
}

function inFlight({ app }: RunningGateway): number {
  return app.pools()[0].front.states.requests[0];
}

test("a tenant's limit holds over gateways, and each sees the other's load", async () => {
  const [one, two] = gateways;
  const over = new AbortController();
  const held = [1, 2, 3, 4].map(() => ask(one, over.signal));
  await expect.poll(() => inFlight(two), patiently).toBe(4);
  expect(await ask(two, AbortSignal.timeout(5000))).toBe(429);
  over.abort();
  await Promise.all(held);
  await expect.poll(() => inFlight(two), patiently).toBe(0);
  // Let in, and never answered.
  expect(await ask(two, AbortSignal.timeout(300))).toBe(0);
});
