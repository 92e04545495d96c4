import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RawEngine, pour, rawEngine } from "../../harness/fakes/raw-engine.ts";
import { chatPool } from "../../harness/fakes/start-gateway.ts";
import { patiently } from "../patiently.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";

/** More than any kernel keeps in its buffers for one connection. */
const LONG = 256 << 20;
const PATH = "/v1/completions";

/** A gateway in a process of its own, before an engine that answers with as much as it is let. */
let engine: RawEngine;
let gateway: ChildProcess;
let over: Promise<unknown>;
let url: string;
/** Bytes that each connection of the engine took. */
const poured = new Map<number, number>();

beforeAll(async () => {
  engine = await rawEngine((socket, { headers }) => {
    const nth = poured.size;
    poured.set(nth, 0);
    const length = Number(headers["x-length"]);
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: ${headers["x-type"] as string}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`,
    );
    pour(socket, length, (total) => poured.set(nth, total));
  });
  await using folder = await scratchFolder();
  const http = "http: { port: 0, clientStallMs: 4000 }";
  const config = await folder.write("gateway.yaml", `${http}\n${chatPool(engine.url)}`);
  const child = startCli("serve", "--config", config, "--json");
  over = cliResult(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  ({ url } = JSON.parse(line.toString()) as { url: string });
  gateway = child;
});
afterAll(async () => {
  gateway.kill("SIGTERM");
  await over;
  await engine[Symbol.asyncDispose]();
});

function asked(type: string, length: number): string {
  return wireRequest(PATH, '{"model":"small"}', [
    `x-type: ${type}`,
    `x-length: ${length}`,
    "connection: close",
  ]);
}

/** The most memory that the gateway has ever had, in MiB. */
function mostMiB(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function inFlight(): Promise<number> {
  const { admission } = (await (await fetch(`${url}/admin/state`)).json()) as {
    admission: { inFlight: number };
  };
  return admission.inFlight;
}

test("an answer of 256 MiB passes through in pieces", async () => {
  const before = mostMiB();
  const client = await rawClient(url);
  let bytes = 0;
  client.socket.removeAllListeners("data").on("data", (more: string) => (bytes += more.length));
  client.socket.write(asked("application/json", LONG));
  await client.closed;
  expect(bytes).toBeGreaterThan(LONG);
  expect(mostMiB() - before).toBeLessThan(128);
});

test("fifty clients that never read hold their engines back, cost little, and are cut off", async () => {
  const before = mostMiB();
  const first = poured.size;
  const clients = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const client = await rawClient(url);
      client.socket.pause();
      client.socket.write(asked(i % 2 === 0 ? "application/json" : "text/event-stream", LONG));
      return client;
    }),
  );
  await expect.poll(() => poured.size - first, patiently).toBe(clients.length);
  await expect.poll(inFlight, patiently).toBe(0);
  for (const [nth, bytes] of poured) if (nth >= first) expect(bytes).toBeLessThan(LONG / 2);
  expect(mostMiB() - before).toBeLessThan(320);
  // What was on its way is still there to read, then the connection is over.
  await Promise.all(clients.map(({ socket, closed }) => (socket.resume(), closed)));
});

test("afterwards the gateway serves as before", async () => {
  const response = await fetch(url + PATH, {
    method: "POST",
    body: '{"model":"small"}',
    headers: { "x-type": "text/plain", "x-length": "65536" },
  });
  expect(await response.text()).toBe("x".repeat(65536));
});
