import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ClientResponse } from "../../src/http/client-response.ts";
import { EventStream } from "../../src/http/event-stream.ts";
import { ERROR_SHAPES } from "../../src/http/error-shapes.ts";
import { rawClient } from "../../harness/fakes/raw-client.ts";

test("a reader that does not read is dropped; one that does stays", async () => {
  const events = new EventStream();
  const server = createServer((_request, response) => events.join(response, "history", "{}")).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [idle, keen] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  const idleDropped = once(idle, "close");
  for (const socket of [idle, keen]) {
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "readable");
  }
  let read = 0;
  keen.on("data", (bytes: Buffer) => {
    read += bytes.length;
  });

  const data = "x".repeat(256 * 1024);
  let sent = 0;
  while (events.readers === 2 && sent < 1000) {
    events.send("report", data);
    sent++;
    while (read < sent * data.length) await nextTurn();
  }
  expect(events.readers).toBe(1);
  idle.resume().on("error", () => {});
  await idleDropped;

  events.close();
  await once(keen, "end");
  keen.destroy();
  server.close();
});

test("a client that never reads the last of its answer is cut off", async () => {
  const ended = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    const client = new ClientResponse(
      response,
      { requestId: "id", shape: ERROR_SHAPES.openai, cors: [] },
      { shown: (shard) => shard },
      50,
      0,
      null,
      () => {},
    );
    client.headers({ status: 200, headers: [], kvUse: null }, "a", 0);
    client.data(Buffer.alloc(64 << 20));
    client.end();
    response.once("close", () => ended.resolve());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { socket, closed } = await rawClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await ended.promise;
  socket.resume();
  expect((await closed).length).toBeLessThan(64 << 20);
  server.close();
});
