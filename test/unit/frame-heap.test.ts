import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { GCProfiler } from "node:v8";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { FedSocket } from "../../harness/fakes/fed-socket.ts";
import { Connection } from "../../src/engines/http/connection.ts";
import type { OnRead } from "../../src/engines/http/connector.ts";
import { ResponseHandler } from "../../src/engines/http/response-handler.ts";
import { WaitLimit } from "../../src/engines/http/wait-limit.ts";
import { ClientResponse } from "../../src/http/client-response.ts";
import { ERROR_SHAPES } from "../../src/http/error-shapes.ts";
import type { ResponseHeaders, ResponseSink } from "../../src/serving/engine.ts";
import { youngBytes } from "../young-bytes.ts";

const FRAMES = 200;
/** Until the compiler is done with what is measured, it allocates too. */
const MOST_ROUNDS = 300;
/**
 * Two buffers of Node's, what was read and what is written, come to 268 with what is found in the frame; one more would
 * add 104. What Node's own write to a socket takes is not counted.
 */
const BYTES_PER_FRAME = 320;

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENT = `data: {"choices":[{"index":0,"delta":{"content":" token"}}]}\n\n`;
const CHUNK = Buffer.from(`${EVENT.length.toString(16)}\r\n${EVENT}\r\n`);

/**
 * A stream from an engine's connection to a client's, neither of them a network's.
 * @param pass what is done with each chunk on its way
 */
async function openStream(
  pass: (chunk: Buffer) => Buffer,
): Promise<{ readonly frame: () => void; readonly written: () => number }> {
  let onread: OnRead | null = null;
  let socket: FedSocket | null = null;
  const connectors = (to: OnRead) => (_: unknown, done: (error: null, made: Socket) => void) => {
    onread = to;
    socket = new FedSocket(to);
    queueMicrotask(() => done(null, socket as unknown as Socket));
  };
  const connection = new Connection(new URL("http://engine"), connectors, 0, {});
  let frames = 0;
  const client = {
    writableNeedDrain: false,
    cork() {},
    uncork() {},
    write() {
      frames++;
      return true;
    },
  };
  const response = { socket: client, chunkedEncoding: true, writeHead() {}, flushHeaders() {}, on() {} };
  const answering = { requestId: "1", shape: ERROR_SHAPES.openai, cors: [] };
  const relayed = new ClientResponse(
    response as unknown as ServerResponse,
    answering,
    { shown: (shard) => shard },
    1000,
    0,
    null,
    () => {},
  );
  const sink: ResponseSink = {
    headers: (headers: ResponseHeaders) => relayed.headers(headers, "a", 1),
    data: (chunk) => relayed.data(pass(chunk)),
    routed() {},
    end() {},
    fail(fault) {
      throw fault;
    },
  };
  const handler = new ResponseHandler("http://engine", sink, null, { received: 0 }, new WaitLimit(60_000));
  connection.dispatch({ method: "POST", path: "/", headers: [], body: Buffer.from("{}") }, handler);
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  (socket as FedSocket | null)?.arrives(Buffer.from(HEAD));
  await setImmediate();
  const { buffer, callback } = onread as unknown as OnRead;
  const frame = (): void => {
    CHUNK.copy(buffer);
    callback(CHUNK.length, buffer);
  };
  return { frame, written: () => frames };
}

/** Heap bytes per frame: the least over the rounds, which is allocated in every one of them. */
async function leastPerFrame(pass: (chunk: Buffer) => Buffer): Promise<number> {
  const { frame, written } = await openStream(pass);
  let least = Number.POSITIVE_INFINITY;
  let sent = 0;
  for (let round = 0; round < MOST_ROUNDS && least > BYTES_PER_FRAME; round++) {
    await setImmediate();
    const collections = new GCProfiler();
    collections.start();
    const before = youngBytes();
    for (let i = 0; i < FRAMES; i++) frame();
    const used = youngBytes() - before;
    sent += FRAMES;
    if (collections.stop().statistics.length === 0) least = Math.min(least, used / FRAMES);
  }
  await setImmediate();
  expect(written()).toBe(sent);
  return least;
}

it("a frame on its way to the client allocates its two buffers and no more once warm", async () => {
  expect(await leastPerFrame((chunk) => chunk)).toBeLessThan(BYTES_PER_FRAME);
});

it("does not miss a buffer that is made for each frame", async () => {
  expect(await leastPerFrame((chunk) => Buffer.from(chunk))).toBeGreaterThan(BYTES_PER_FRAME);
});
