import { once } from "node:events";
import { type Server, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rawClient } from "../../harness/fakes/raw-client.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";

/** Where a request would like to be sent: nobody may ever connect there. */
let elsewhere: Server;
let there: string;
let visitors = 0;
let engine: RecordingEngine;
let gateway: RunningGateway;

beforeAll(async () => {
  elsewhere = createServer((socket) => {
    visitors++;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(elsewhere, "listening");
  there = `127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  engine = await recordingEngine(({ url }, response) => {
    if (url.startsWith("/v1/completions")) return void response.end('{"choices":[]}');
    response.writeHead(307, { location: `http://${there}/v1/completions` }).end();
  });
  gateway = await startGateway(chatPool(engine.url));
});
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
  elsewhere.close();
});

const body = () =>
  JSON.stringify({
    model: "small",
    prompt: "x",
    url: `http://${there}`,
    base_url: `http://${there}`,
    api_base: `http://${there}`,
    bootstrap_host: there,
    kv_transfer_params: { remote_host: "127.0.0.1", remote_port: Number(there.split(":")[1]) },
  });

function raw(target: string, headers: readonly string[]): string {
  const text = body();
  const lines = [
    `POST ${target} HTTP/1.1`,
    ...headers,
    `content-length: ${text.length}`,
    "connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${text}`;
}

test("whatever a request names, it is sent to a server of the configuration", async () => {
  const own = ["host: gateway"];
  const asked: readonly (readonly [string, readonly string[]])[] = [
    [`http://${there}/v1/completions`, own],
    [`//${there}/v1/completions`, own],
    [`/v1/completions?url=http://${there}`, own],
    ["/v1/completions", [`host: ${there}`]],
    ["/v1/completions", [...own, `x-forwarded-host: ${there}`, `forwarded: host=${there}`]],
    [
      "/v1/completions",
      [...own, `x-plimsoll-shard: http://${there}`, `x-gateway-destination-endpoint: ${there}`],
    ],
    ["/v1/completions", [...own, `x-override-bootstrap-host: ${there}`, `x-original-url: http://${there}/`]],
    ["/v1/completions", [...own, `x-data-parallel-rank: http://${there}`]],
    [`/v1/responses/..%2f..%2f@${there}`, own],
  ];
  for (const [target, headers] of asked) {
    const client = await rawClient(gateway.url);
    client.socket.write(raw(target, headers));
    await client.closed;
  }
  const connect = await rawClient(gateway.url);
  connect.socket.write(`CONNECT ${there} HTTP/1.1\r\nhost: ${there}\r\n\r\n`);
  await connect.closed;
  expect(visitors).toBe(0);
  expect(engine.recorded.length).toBeGreaterThan(5);
});

test("an engine that sends elsewhere is not followed: the client gets its answer as it is", async () => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    redirect: "manual",
    body: body(),
  });
  expect([response.status, response.headers.get("location")]).toEqual([
    307,
    `http://${there}/v1/completions`,
  ]);
  expect(visitors).toBe(0);
});
