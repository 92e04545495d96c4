import { once } from "node:events";
import { type IncomingMessage, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { createGunzip } from "node:zlib";
import { expect, test } from "vitest";
import { EventStream } from "../../src/http/event-stream.ts";

/** As long as a report of a large pool: much of it is the same digits again. */
const REPORT = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => (i % 97) / 100));

test("a client that takes gzip has each event as soon as it is sent, in fewer bytes", async () => {
  const events = new EventStream();
  await using server = createServer((_request, response) => events.join(response, "history", "{}", true));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [response] = (await once(get({ host: "127.0.0.1", port }), "response")) as [IncomingMessage];
  expect(response.headers).toMatchObject({
    "content-encoding": "gzip",
    vary: "accept-encoding",
    "x-accel-buffering": "no",
  });
  let [bytes, text] = [0, ""];
  response.on("data", (part: Buffer) => void (bytes += part.length));
  const plain = response.pipe(createGunzip()).setEncoding("utf8");
  plain.on("data", (part: string) => void (text += part));
  for (let i = 1; i <= 3; i++) {
    events.send("report", JSON.parse(REPORT));
    await expect.poll(() => text.split("event: report\n").length - 1).toBe(i);
    await expect.poll(() => text.endsWith(`data: ${REPORT}\n\n`)).toBe(true);
  }
  expect(bytes).toBeLessThan(text.length / 3);
  const ended = once(plain, "end");
  events.close();
  await ended;
  expect(events.readers).toBe(0);
});
