import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Pool } from "undici";
import { afterEach, expect, it } from "vitest";
import { lightConnector } from "../../src/replay/light-sockets.ts";

const servers: Server[] = [];
afterEach(() => servers.splice(0).map((server) => server.close()));

/** Answers every request by what `write` does. */
async function poolOf(write: (socket: Socket) => Promise<void>): Promise<Pool> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", () => void write(socket));
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return new Pool(`http://127.0.0.1:${port}`, { connections: 8, connect: lightConnector({ timeout: 0 }) });
}

interface Received {
  readonly headers: readonly string[];
  readonly body: string;
  /** A code, where it did not come to its end. */
  readonly error: string | null;
}

function ask(pool: Pool): Promise<Received> {
  return new Promise((resolve) => {
    let headers: string[] = [];
    let body = "";
    const end = (error: string | null): void => resolve({ headers, body, error });
    pool.dispatch(
      { method: "POST", path: "/", body: "{}" },
      {
        onConnect: () => {},
        onHeaders: (_, raw) => {
          headers = raw.map((part) => part.toString());
          return true;
        },
        onData: (chunk) => {
          body += chunk.toString();
          return true;
        },
        onComplete: () => end(null),
        onError: (error) => end((error as { code?: string }).code ?? error.name),
      },
    );
  });
}

const EVENTS = ['data: {"a":"ü"}\n\n', 'data: {"b":2}\r\n\r\n', "data: [DONE]\n\n"];
const chunked = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const RESPONSE = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-name: value\r\ntransfer-encoding: chunked\r\n\r\n${EVENTS.map(chunked).join("")}0\r\nx-trailer: behind\r\ncontent-length-x: 1\r\n\r\n`,
);
const WHOLE: Received = {
  headers: ["content-type", "text/event-stream", "x-name", "value", "transfer-encoding", "chunked"],
  body: EVENTS.join(""),
  error: null,
};

it("what is read is whole wherever it is cut, though all sockets read into one buffer", async () => {
  // Two at a time, so that one overwrites what the other has read before; each cut at other places.
  let cut = 0;
  const pool = await poolOf(async (socket) => {
    const at = (cut += 3) % RESPONSE.length;
    for (const part of [RESPONSE.subarray(0, at), RESPONSE.subarray(at, at + 2), RESPONSE.subarray(at + 2)]) {
      socket.write(part);
      await nextTurn();
      await nextTurn();
    }
  });
  for (let i = 0; i * 3 < RESPONSE.length; i += 2)
    expect(await Promise.all([ask(pool), ask(pool)])).toEqual([WHOLE, WHOLE]);
  await pool.destroy();
});

it("a body of megabytes is read to its end", async () => {
  const body = "0123456789abcde\n".repeat(1 << 17);
  const pool = await poolOf(async (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  const received = await ask(pool);
  expect(received.body === body).toBe(true);
  expect(received.error).toBeNull();
  await pool.destroy();
});

it("the end of a connection ends an answer without a length, and breaks one with chunks", async () => {
  const open = await poolOf(async (socket) => {
    socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${EVENTS[0]}`);
  });
  expect(await ask(open)).toMatchObject({ body: EVENTS[0], error: null });
  const broken = await poolOf(async (socket) => {
    socket.end(RESPONSE.subarray(0, RESPONSE.indexOf("[DONE]")));
  });
  expect((await ask(broken)).error).toBe("UND_ERR_SOCKET");
  const reset = await poolOf(async (socket) => {
    socket.write(RESPONSE.subarray(0, RESPONSE.indexOf("[DONE]")));
    await nextTurn();
    socket.resetAndDestroy();
  });
  expect((await ask(reset)).error).toBe("ECONNRESET");
  await Promise.all([open, broken, reset].map((pool) => pool.destroy()));
});

it("an idle connection that the server closes is not used again", async () => {
  const pool = await poolOf(async (socket) => {
    socket.end(RESPONSE);
  });
  expect(await ask(pool)).toEqual(WHOLE);
  await nextTurn();
  expect(await ask(pool)).toEqual(WHOLE);
  await pool.destroy();
});
