import { once } from "node:events";
import { Agent, type RequestOptions, request } from "node:https";
import { connect } from "node:net";
import type { ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, type TLSSocket, connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, type Certificate, certificateAuthority } from "../../harness/certificates.ts";
import { ProxyClient } from "../../harness/envoy/proxy-client.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import {
  type RunningGateway,
  chatPool,
  readConfig,
  startGateway,
} from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { tlsThatWaits } from "../../src/config/read-listeners.ts";

let folder: ScratchFolder;
let ours: Authority;
let theirs: Authority;
let first: Certificate;
let second: Certificate;
let client: Certificate;
let stranger: Certificate;
/** Streams until it is told to end. */
let engine: ServerAt;
let streams: ServerResponse[];

beforeAll(async () => {
  folder = await scratchFolder();
  [ours, theirs] = await Promise.all(["ours", "theirs"].map((name) => certificateAuthority(folder, name)));
  [first, second, client] = await Promise.all(["first", "second", "client"].map((name) => ours.issue(name)));
  stranger = await theirs.issue("stranger");
  streams = [];
  engine = await serverAt("127.0.0.1", 0, (_, response, body) => {
    if (!body.includes("stream")) return void response.end('{"choices":[]}');
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\n\n");
    streams.push(response);
  });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function config(own: Certificate, clientCaFile: string | null = null, admin = ""): string {
  const tls = `tls: { certFile: ${own.certFile}, keyFile: ${own.keyFile}, clientCaFile: ${clientCaFile} }`;
  return `http: { ${tls}${admin} }\n${chatPool(`http://127.0.0.1:${engine.port}`)}`;
}

async function ask(url: string, options: RequestOptions, stream = false) {
  const body = JSON.stringify({ model: "small", prompt: "x", ...(stream ? { stream } : {}) });
  const asked = request(`${url}/v1/completions`, {
    method: "POST",
    ca: ours.ca,
    agent: new Agent(),
    ...options,
  });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [import("node:http").IncomingMessage];
  return response;
}

async function status(url: string, options: RequestOptions = {}): Promise<number | string> {
  try {
    const response = await ask(url, options);
    await text(response);
    return response.statusCode ?? 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** The subject that a listener shows. */
async function shown(url: string, options: ConnectionOptions = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket: TLSSocket = connectTls({ host: hostname, port: Number(port), ca: ours.ca, ...options });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

test("a listener with a certificate speaks TLS and nothing else", async () => {
  const gateway = await startGateway(config(first));
  expect(gateway.url).toMatch(/^https:/);
  expect(await status(gateway.url)).toBe(200);
  expect(await status(gateway.url, { ca: theirs.ca })).toMatch(/SIGNATURE|SELF_SIGNED|VERIFY|ISSUER/);
  expect(await status(gateway.url, { maxVersion: "TLSv1.1", minVersion: "TLSv1" })).toMatch(/^E/);
  const plain = connect({ host: "127.0.0.1", port: Number(new URL(gateway.url).port) });
  plain.write("GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
  plain.resume();
  await once(plain, "close").catch(() => {});
  expect(gateway.app.gateway().deck.meter.totals.inFlight).toBe(0);
  expect(await status(gateway.url)).toBe(200);
  await gateway.stop();
});

test("a client that never finishes its handshake is cut off", async () => {
  const gateway = await startGateway(config(first).replace("http: {", "http: { headersTimeoutMs: 200,"));
  const mute = connect({ host: "127.0.0.1", port: Number(new URL(gateway.url).port) });
  mute.resume();
  await once(mute, "close");
  expect(await status(gateway.url)).toBe(200);
  await gateway.stop();
});

describe("with certificates of clients", () => {
  let gateway: RunningGateway;
  beforeAll(async () => {
    gateway = await startGateway(
      config(
        first,
        ours.caFile,
        `, admin: { port: 0, tls: { certFile: ${second.certFile}, keyFile: ${second.keyFile}, clientCaFile: ${theirs.caFile} } }`,
      ),
    );
  });
  afterAll(() => gateway.stop());

  test("one that its authority has signed is let in, and nobody else", async () => {
    const { cert, key } = client;
    expect(await status(gateway.url, { cert, key })).toBe(200);
    expect(await status(gateway.url)).toMatch(/^E/);
    expect(await status(gateway.url, { cert: stranger.cert, key: stranger.key })).toMatch(/^E/);
  });

  test("each listener has its own certificate, and asks for its own", async () => {
    const { cert, key } = stranger;
    expect(await shown(gateway.admin ?? "", { cert, key })).toBe("second");
    const unknown = request(`${gateway.admin}/admin/state`, {
      ca: ours.ca,
      agent: new Agent(),
      cert: client.cert,
      key: client.key,
    });
    unknown.end();
    await expect(once(unknown, "response")).rejects.toMatchObject({
      code: expect.stringMatching(/^E/) as string,
    });
    const asked = request(`${gateway.admin}/admin/state`, { ca: ours.ca, agent: new Agent(), cert, key });
    asked.end();
    const [response] = (await once(asked, "response")) as [import("node:http").IncomingMessage];
    expect([response.statusCode, await text(response)]).toMatchObject([
      200,
      expect.stringContaining("pools") as string,
    ]);
  });
});

test("a reload shows another certificate and asks for others, and a stream that is under way goes on", async () => {
  const gateway = await startGateway(config(first, ours.caFile));
  const { cert, key } = client;
  expect(await shown(gateway.url, { cert, key })).toBe("first");
  const response = await ask(gateway.url, { cert, key }, true);
  await gateway.reload(config(second, theirs.caFile));
  expect(await shown(gateway.url, { cert: stranger.cert, key: stranger.key })).toBe("second");
  expect(await status(gateway.url, { cert: stranger.cert, key: stranger.key })).toBe(200);
  expect(await status(gateway.url, { cert, key })).toMatch(/^E/);
  streams.at(-1)?.end("data: two\n\ndata: [DONE]\n\n");
  expect(await text(response)).toBe("data: one\n\ndata: two\n\ndata: [DONE]\n\n");
  await gateway.stop();
});

test("the endpoint picker shows another certificate after a reload, and its connections go on", async () => {
  const settings = (own: Certificate, clientCa: string) =>
    `picker: { host: localhost, port: 0, certFile: ${own.certFile}, keyFile: ${own.keyFile}, clientCaFile: ${clientCa} }\n${chatPool(`http://127.0.0.1:${engine.port}`)}`;
  const gateway = await startGateway(settings(first, ours.caFile));
  const at = `localhost:${gateway.picker?.split(":").at(-1)}`;
  const options = { ALPNProtocols: ["h2"], servername: "localhost" };
  const ca = Buffer.from(ours.ca);
  const health = async (own: Certificate | null) => {
    const proxy = new ProxyClient(at, ca, own);
    return proxy.health("").then(
      (said) => [said, proxy.close()][0],
      () => ["refused", proxy.close()][0],
    );
  };
  const before = new ProxyClient(at, ca, client);
  expect(await before.health("")).toBe("SERVING");
  expect([await health(stranger), await health(null)]).toEqual(["refused", "refused"]);
  await gateway.reload(settings(second, theirs.caFile));
  const { cert, key } = stranger;
  expect(await shown(`https://${at}`, { ...options, cert, key })).toBe("second");
  expect([await health(stranger), await health(client)]).toEqual(["SERVING", "refused"]);
  expect(await before.health("")).toBe("SERVING");
  before.close();
  await gateway.stop();
});

test("towards engines: after a reload new connections show the new certificate and trust the new authority, and a stream goes on", async () => {
  const subjects: string[] = [];
  let open: ServerResponse | null = null;
  const answer: Parameters<typeof serverAt>[2] = (asked, reply, body) => {
    if (asked.method === "POST")
      subjects.push(String((asked.socket as TLSSocket).getPeerCertificate().subject.CN));
    if (!body.includes("stream")) return void reply.end('{"choices":[]}');
    reply.writeHead(200, { "content-type": "text/event-stream" });
    reply.write("data: one\n\n");
    open = reply;
  };
  const both = { requestCert: true, rejectUnauthorized: true, ca: [ours.ca, theirs.ca] };
  await using server = await serverAt("127.0.0.1", 0, answer, { ...both, cert: first.cert, key: first.key });
  const pool = (own: Certificate, caFile: string) =>
    `pools: [{ name: chat, kind: openai, models: [small], urls: ["https://localhost:${server.port}"], tls: { caFile: ${caFile}, certFile: ${own.certFile}, keyFile: ${own.keyFile} } }]`;
  const gateway = await startGateway(pool(client, ours.caFile));
  const post = (body: object) =>
    fetch(`${gateway.url}/v1/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "small", ...body }),
    });
  const stream = await post({ stream: true });
  await gateway.reload(pool(stranger, ours.caFile));
  expect((await post({ prompt: "x" })).status).toBe(200);
  (open as ServerResponse | null)?.end("data: [DONE]\n\n");
  expect(await stream.text()).toBe("data: one\n\ndata: [DONE]\n\n");
  expect(subjects).toEqual(["client", "stranger"]);
  await gateway.reload(pool(stranger, theirs.caFile));
  expect((await post({ prompt: "x" })).status).toBe(503);
  await gateway.stop();
});

test.each([
  ["{ certFile: first.pem }", /http\.tls\.keyFile is missing; expected a certificate and its key together/],
  ["{ clientCaFile: ours.pem }", /http\.tls\.certFile is missing/],
  [
    "{ certFile: first.pem, keyFile: second.key }",
    /http\.tls\.certFile names a file that holds no certificate that goes/,
  ],
  [
    "{ certFile: gone.pem, keyFile: first.key }",
    /http\.tls\.certFile names \/.*gone\.pem, which cannot be read \(ENOENT\)/,
  ],
])("%s: what cannot be used is said, with its place", async (tls, message) => {
  const written = tls.replaceAll(/(\w+\.(?:pem|key))/g, (name) => folder.path(name));
  await expect(startGateway(`http: { tls: ${written} }\n${chatPool("http://a")}`)).rejects.toThrow(message);
});

test("a certificate that ends soon is said", async () => {
  const brief = await ours.issue("brief", 3);
  const { notes } = await readConfig(config(brief));
  expect(notes).toEqual([expect.stringMatching(/^http\.tls: the certificate expires at \d{4}-/)]);
  expect((await readConfig(config(first))).notes).toEqual([]);
});

test("what a listener speaks waits for the next start, and that is said", async () => {
  const plain = await readConfig(chatPool("http://a"));
  const [encrypted, mutual] = await Promise.all([
    readConfig(config(first)),
    readConfig(config(first, ours.caFile)),
  ]);
  const said = [
    [plain, encrypted, "unencrypted until the next start, then TLS without certificates of clients"],
    [encrypted, plain, "TLS without certificates of clients until the next start, then unencrypted"],
    [mutual, encrypted, "TLS with certificates of clients until the next start, then TLS without"],
  ] as const;
  for (const [running, next, expected] of said)
    expect(tlsThatWaits(running, next)).toEqual([
      expect.stringContaining(`http.tls: its listener stays ${expected}`),
    ]);
  expect(tlsThatWaits(encrypted, await readConfig(config(second)))).toEqual([]);
});
