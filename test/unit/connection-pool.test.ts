import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { FedSocket } from "../../harness/fakes/fed-socket.ts";
import { ConnectionPool } from "../../src/engines/http/connection-pool.ts";
import { Connection, type OnConnection } from "../../src/engines/http/connection.ts";
import { ResponseHandler } from "../../src/engines/http/response-handler.ts";
import { WaitLimit } from "../../src/engines/http/wait-limit.ts";
import { RecordingSink } from "../engine-response.ts";

const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
const ASKED = { method: "GET", path: "/", headers: [] } as const;

/** A pool of connections without a network. @param refusals connections that are refused before one is taken */
function poolOf(most: number, refusals = 0) {
  const sockets: FedSocket[] = [];
  let refused = 0;
  let opened = 0;
  const connectors = () => (_: unknown, done: (...result: [Error, null] | [null, Socket]) => void) =>
    queueMicrotask(() => {
      if (refused++ < refusals)
        return done(Object.assign(new Error("refused"), { code: "ECONNREFUSED" }), null);
      const socket = new FedSocket(null);
      sockets.push(socket);
      done(null, socket as unknown as Socket);
    });
  const pool = new ConnectionPool(most, () => {
    opened++;
    return new Connection(new URL("http://engine"), connectors, 0, {});
  });
  const ask = (headers: string[] = []): RecordingSink => {
    const sink = new RecordingSink();
    const handler = new ResponseHandler("http://engine", sink, null, { received: 0 }, new WaitLimit(60_000));
    pool.dispatch({ ...ASKED, headers }, handler satisfies OnConnection);
    handler.sent();
    return sink;
  };
  return { pool, sockets, ask, opened: () => opened };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await setImmediate();
}

it("a request takes the connection that was used last, and opens one only where none is idle", async () => {
  const { pool, sockets, ask, opened } = poolOf(0);
  const both = [ask(), ask()];
  await turns();
  expect(opened()).toBe(2);
  for (const socket of sockets) {
    socket.arrives(ANSWER);
    await turns();
  }
  expect(both.map(({ text }) => text)).toEqual(["ok", "ok"]);
  const third = ask();
  await turns();
  sockets[1].arrives(ANSWER);
  await turns();
  expect([third.text, opened()]).toEqual(["ok", 2]);
  await pool.destroy();
});

it("a request that cannot be written takes no connection away", async () => {
  const { pool, sockets, ask, opened } = poolOf(1);
  const refused = [ask(["x-odd", "line\nbreak"]), ask(["x-odd", "line\nbreak"])];
  const good = ask();
  await turns();
  expect(refused.map(({ received }) => received)).toEqual([["fail"], ["fail"]]);
  sockets[0].arrives(ANSWER);
  await turns();
  expect([good.text, opened()]).toEqual(["ok", 1]);
  await pool.destroy();
});

it("what waits behind a connection that cannot be made gets one of its own", async () => {
  const { pool, sockets, ask } = poolOf(1, 1);
  const [first, second] = [ask(), ask()];
  await turns();
  expect(first.received).toEqual(["fail"]);
  sockets[0].arrives(ANSWER);
  await turns();
  expect(second.text).toBe("ok");
  await pool.destroy();
});

it("what waits when the pool is destroyed fails", async () => {
  const { pool, ask } = poolOf(1);
  const [first, second] = [ask(), ask()];
  await turns();
  await pool.destroy();
  await turns();
  const late = ask();
  await turns();
  expect([first, second, late].map(({ received }) => received)).toEqual([["fail"], ["fail"], ["fail"]]);
});
