import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { HttpError } from "../../src/http/errors.ts";
import { EventStream } from "../../src/http/event-stream.ts";
import { LongPolls } from "../../src/http/long-poll.ts";

function reader(): ServerResponse {
  return Object.assign(new EventEmitter(), { writeHead() {}, write() {}, end() {}, destroy() {} }) as never;
}

test("64 clients may read events; one that leaves makes room", () => {
  const stream = new EventStream();
  const readers = Array.from({ length: 64 }, reader);
  for (const one of readers) {
    stream.checkRoom();
    stream.join(one, "history", "{}");
  }
  expect(() => stream.checkRoom()).toThrow(/overloaded/);
  readers[0].emit("close");
  expect(() => stream.checkRoom()).not.toThrow();
});

function poll(): FastifyRequest {
  const socket = new EventEmitter();
  return { query: { wait: "30" }, raw: { socket } } as never;
}

test("4096 requests may wait for a change; one whose client leaves makes room", async () => {
  const polls = new LongPolls();
  const wait = (request: FastifyRequest) =>
    polls.wait(
      request,
      () => () => {},
      () => false,
    );
  const requests = Array.from({ length: 4096 }, poll);
  const waiting = requests.map(wait);
  await expect(wait(poll())).rejects.toThrow(HttpError);
  requests[0].raw.socket.emit("close");
  await waiting[0];
  waiting.push(wait(poll()));
  polls.end();
  await Promise.all(waiting);
});
