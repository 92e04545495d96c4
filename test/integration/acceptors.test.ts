import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { expect, test } from "vitest";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { Acceptors } from "../../src/http/acceptors.ts";
import { patiently } from "../patiently.ts";

const POOL = "pools: [{ name: a, kind: openai, models: [m], urls: [http://127.0.0.1:9] }]";
const ASKED = "GET /health HTTP/1.1\r\nhost: a\r\n\r\n";

interface Asked {
  readonly socket: Socket;
  /** The status line; empty where it was closed without. */
  readonly status: Promise<string>;
}

function ask(port: number): Asked {
  const socket = connect({ host: "127.0.0.1", port });
  socket.write(ASKED);
  const status = new Promise<string>((resolve) => {
    socket.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1").split("\r\n", 1)[0]));
    socket.on("error", () => {});
    socket.once("close", () => resolve(""));
  });
  return { socket, status };
}

test("connections that come at once are accepted by several sockets, and by none once the gateway stops", async () => {
  const gateway = await startGateway(POOL);
  const port = Number(new URL(gateway.url).port);
  const all = Array.from({ length: 64 }, () => ask(port));
  expect(new Set(await Promise.all(all.map(({ status }) => status)))).toEqual(new Set(["HTTP/1.1 200 OK"]));
  for (const { socket } of all) socket.destroy();
  await gateway.stop();
  const late = connect({ host: "127.0.0.1", port });
  const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});

test("no more connections are open than may be, whichever socket takes them", async () => {
  const gateway = await startGateway(`http: { maxConnections: 8 }\n${POOL}`);
  const port = Number(new URL(gateway.url).port);
  const all = Array.from({ length: 40 }, () => ask(port));
  const answered = (await Promise.all(all.map(({ status }) => status))).filter((status) => status !== "");
  expect(answered.length).toBeGreaterThan(0);
  const open = () => all.filter(({ socket }) => !socket.destroyed).length;
  expect(open()).toBeLessThanOrEqual(8);
  for (const { socket } of all) socket.destroy();
  // Those that are gone make room.
  await expect
    .poll(async () => {
      const { socket, status } = ask(port);
      const said = await status;
      socket.destroy();
      return said;
    }, patiently)
    .toBe("HTTP/1.1 200 OK");
  await gateway.stop();
});

test.runIf(Acceptors.possible)("a port that another gateway listens on is not shared with it", async () => {
  const first = await startGateway(POOL);
  const port = new URL(first.url).port;
  await expect(startGateway(POOL, { PLIMSOLL_HTTP_PORT: port })).rejects.toThrow(
    `http.port is ${port}, which is in use`,
  );
  await first.stop();
});
