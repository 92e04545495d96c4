import { type IncomingMessage, get } from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway(chatPool(await deadUrl()));
});
afterAll(() => gateway.stop());

/** As it is on the wire. */
async function fetched(
  path: string,
  encoding: string,
): Promise<{ head: IncomingMessage["headers"]; bytes: Buffer; status: number }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${gateway.url}${path}`, { headers: { "accept-encoding": encoding } }, resolve).on("error", reject);
  });
  return { head: response.headers, bytes: await buffer(response), status: response.statusCode ?? 0 };
}

test("the dashboard's files are served compressed to those who take it, and are the same", async () => {
  const page = await fetched("/", "identity");
  const script = /src="\.(\/assets\/index-[^"]+\.js)"/.exec(page.bytes.toString())?.[1] ?? "";
  const plain = await fetched(script, "identity");
  expect([plain.status, plain.head["content-encoding"]]).toEqual([200, undefined]);
  const brotli = await fetched(script, "gzip, deflate, br");
  expect(brotli.head).toMatchObject({ "content-encoding": "br", "content-type": plain.head["content-type"] });
  expect(brotliDecompressSync(brotli.bytes).equals(plain.bytes)).toBe(true);
  expect(brotli.bytes.length).toBeLessThan(plain.bytes.length / 2);
  const gzip = await fetched(script, "gzip");
  expect(gzip.head["content-encoding"]).toBe("gzip");
  expect(gunzipSync(gzip.bytes).equals(plain.bytes)).toBe(true);
  expect((await fetched("/", "br")).head["content-encoding"]).toBe("br");
  expect((await fetched(`${script}.br`, "identity")).status).toBe(404);
});
