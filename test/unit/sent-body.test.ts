import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { sentBody } from "../../src/engines/http/sent-body.ts";
import { bootstrap } from "../../src/engines/sglang/bootstrap.ts";
import { kvTransfer } from "../../src/engines/vllm/kv-transfer.ts";
import { vllmEngine } from "../../src/engines/vllm/vllm-engine.ts";
import type { EngineRequest } from "../../src/serving/engine.ts";
import { respond } from "../engine-response.ts";

const MIB = 1 << 20;

function joined(body: Uint8Array | Iterable<Uint8Array> | null): string {
  if (body === null) return "";
  return body instanceof Uint8Array ? Buffer.from(body).toString() : Buffer.concat([...body]).toString();
}

test.each([
  ['{"model":"m"  }\n', '{"model":"m"  ,"a":1}\n'],
  [" { }", ' { "a":1}'],
  ['{"b":{}}', '{"b":{},"a":1}'],
])("fields are added at the end of %j", (text, sent) => {
  const { body, headers } = sentBody({ body: Buffer.from(text), added: '"a":1' }, ["x", "y"]);
  expect([joined(body), headers]).toEqual([sent, ["x", "y"]]);
});

test.each([
  ["not copied", false, Number.POSITIVE_INFINITY],
  ["neither copied nor encrypted in one go", true, MIB],
])("a long body is %s: it goes in pieces of its own memory, with its length", (_, encrypted, most) => {
  const body = Buffer.from(`{"prompt":"${"x".repeat(5 * MIB)}"}`);
  const sent = sentBody({ body, added: '"a":1' }, ["content-length", "7"], encrypted);
  const pieces = [...(sent.body as Iterable<Uint8Array>)];
  for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(most);
  expect(pieces.filter(({ buffer }) => buffer !== body.buffer)).toHaveLength(1);
  const whole = `${body.toString().slice(0, -1)},"a":1}`;
  expect(sent.headers).toEqual(["content-length", `${whole.length}`]);
  expect(Buffer.concat(pieces).equals(Buffer.from(whole))).toBe(true);
});

test("a long body to which nothing is added goes as it is, but where it is encrypted", () => {
  const body = Buffer.alloc(5 * MIB, "x");
  expect(sentBody({ body }, []).body).toBe(body);
  expect([...(sentBody({ body }, [], true).body as Iterable<Uint8Array>)]).toHaveLength(5);
});

test("a server gets a long body whole, also where it answers early", async () => {
  const server = createServer((request, response) => {
    if (request.headers["x-early"] !== undefined) return void response.writeHead(413).end("early");
    const hash = createHash("sha256");
    request.on("data", (chunk: Buffer) => hash.update(chunk));
    request.on("end", () => response.end(`${request.headers["content-length"]} ${hash.digest("hex")}`));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const engine = vllmEngine({
    pool: "p",
    urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
    dataParallelSize: 1,
    rankOffsets: [0],
    apiKey: null,
    timeouts: { connectTimeoutMs: 5000, firstTokenTimeoutMs: 60_000, idleTimeoutMs: 60_000, connections: 0 },
  });
  const body = Buffer.from(`{"prompt":"${"0123456789".repeat(MIB)}"}`);
  const request: EngineRequest = {
    method: "POST",
    path: "/v1/completions",
    headers: [],
    body,
    added: '"a":1',
  };
  const whole = `${body.toString().slice(0, -1)},"a":1}`;
  const hash = createHash("sha256").update(whole).digest("hex");
  const answers = [
    await respond(engine, engine.shards[0], request),
    await respond(engine, engine.shards[0], { ...request, headers: ["x-early", "1"] }),
    await respond(engine, engine.shards[0], request),
  ];
  expect(answers.map(({ status, text }) => [status, text])).toEqual([
    [200, `${whole.length} ${hash}`],
    [413, "early"],
    [200, `${whole.length} ${hash}`],
  ]);
  await engine.close();
  server.closeAllConnections();
  server.close();
});

test("pairs are made of what was read as the body came: it is not gone over again", () => {
  // What stands in the value would be a fault to a reader.
  const text = '{"messages":@@@,"stream":true,"n":1}';
  const place = (name: string, value: string) => {
    const start = text.indexOf(`"${name}"`);
    const valueStart = text.indexOf(":", start) + 1;
    return [start, valueStart - 1, valueStart, valueStart + value.length];
  };
  const places = [...place("messages", "@@@"), ...place("stream", "true"), ...place("n", "1")];
  const body = Buffer.from(text);
  const prefilled = kvTransfer.prefillBody("/v1/chat/completions", body, places);
  expect(Buffer.from(prefilled ?? []).toString()).toContain('{"messages":@@@,"max_tokens":1,');
  const pairing = bootstrap({ urls: ["http://a"], dataParallelSize: 1, bootstrapPorts: [1] });
  const { prefillBody } = pairing.pair(body, places, 0, 7);
  expect(Buffer.from(prefillBody).toString()).toContain('{"messages":@@@,"n":1,"stream":false,');
});

test("of a field that is named often the last counts, and only that is looked into", () => {
  const often = `{${'"prompt":["a","b"],'.repeat(3)}"prompt":["a"]}`;
  expect(kvTransfer.prefillBody("/v1/completions", Buffer.from(often))).not.toBeNull();
  const long = `{"prompt":[["${"x".repeat(5 * MIB)}"]]}`;
  // Too long to be passed over: the decode does the whole work.
  expect(kvTransfer.prefillBody("/v1/completions", Buffer.from(long))).toBeNull();
  const tools = `{"input":"x","tools":[{"type":"function","x":"${"x".repeat(2 * MIB)}"}]}`;
  expect(kvTransfer.prefillBody("/v1/responses", Buffer.from(tools))).toBeNull();
  expect(kvTransfer.prefillBody("/v1/chat/completions", Buffer.from(tools))).not.toBeNull();
});
