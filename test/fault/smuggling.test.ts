import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { rawClient, wireRequest } from "../../harness/fakes/raw-client.ts";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type WireEngine, wireEngine } from "../../harness/fakes/wire-engine.ts";
import { patiently } from "../patiently.ts";
import { type WireAnswer, answersIn, readAnswer } from "../../harness/fakes/wire-messages.ts";

const PATH = "/v1/completions";
const BODY = '{"model":"small"}';
/** What must never be taken for a request. */
const HIDDEN = wireRequest(PATH, '{"model":"small","user":"hidden"}');

let engine: WireEngine;
let gateway: RunningGateway;
beforeAll(async () => {
  engine = await wireEngine();
  gateway = await startGateway(
    `http: { headersTimeoutMs: 300, bodyTimeoutMs: 500, maxHeaderBytes: 4096 }\n${chatPool(engine.url)}`,
  );
});
// Whatever a client sent, the next one is served, nothing is left of it, and the engine read one framing throughout.
afterEach(async () => {
  const before = engine.requests.length;
  const [next] = await answersTo(wireRequest(PATH, BODY, ["connection: close"]));
  expect(next.status).toBe(200);
  expect(engine.requests.slice(before).map(({ body }) => body)).toEqual([BODY]);
  await expect.poll(() => gateway.app.gateway().deck.admission.inFlight, patiently).toBe(0);
  expect([...gateway.app.gateway().pools[0].states.requests]).toEqual([0]);
  expect(engine.faults).toEqual([]);
  expect(gateway.faults).toEqual([]);
  engine.clear();
});
afterAll(async () => {
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

async function answersTo(bytes: string): Promise<WireAnswer[]> {
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(bytes, "latin1");
  return answersIn(await closed);
}

/** A request with these headers beside `Host`, and what follows them as it stands. */
function post(headers: readonly string[], body: string, line = `POST ${PATH} HTTP/1.1`): string {
  return [line, "Host: x", ...headers, "", body].join("\r\n");
}

const LENGTH = `Content-Length: ${BODY.length}`;
const CHUNKED = "Transfer-Encoding: chunked";
const CHUNKS = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
const NONE = `0\r\n\r\n${HIDDEN}`;
const CLOSE = "Connection: close";

const answered = (line: string, ...more: readonly string[]) => post([LENGTH, CLOSE, ...more], BODY, line);

test.each([
  ["two lengths", post([LENGTH, "Content-Length: 5"], BODY + HIDDEN)],
  ["the same length twice", post([LENGTH, LENGTH], BODY + HIDDEN)],
  ["a list of one length", post([`${LENGTH}, ${BODY.length}`], BODY + HIDDEN)],
  ["a list of lengths", post([`${LENGTH}, 5`], BODY + HIDDEN)],
  ["a length with a plus", post(["Content-Length: +17"], BODY)],
  ["a length below nothing", post(["Content-Length: -17"], BODY)],
  ["a length of minus nothing", post(["Content-Length: -0"], HIDDEN)],
  ["a length in hexadecimal", post(["Content-Length: 0x11"], BODY)],
  ["a length with a space in it", post(["Content-Length: 1 7"], BODY)],
  ["a length with an underscore", post(["Content-Length: 1_7"], BODY)],
  ["a length with an exponent", post(["Content-Length: 1e1"], BODY)],
  ["a length with a fraction", post(["Content-Length: 17.0"], BODY)],
  ["a length in quotes", post(['Content-Length: "17"'], BODY)],
  ["a length in other digits", post(["Content-Length: \xd9\xa1"], BODY)],
  ["an empty length", post(["Content-Length:"], HIDDEN)],
  ["a folded length", post(["Content-Length: 1", " 7"], BODY)],
  ["a length beyond all numbers", post(["Content-Length: 99999999999999999999"], BODY)],
  ["a length that is right modulo 2⁶⁴", post(["Content-Length: 18446744073709551633"], BODY + HIDDEN)],
  ["a length, then chunks", post(["Content-Length: 6", CHUNKED], NONE)],
  ["chunks, then a length", post([CHUNKED, "Content-Length: 4"], CHUNKS + HIDDEN)],
  ["chunks and a length of nothing", post([CHUNKED, "Content-Length: 0"], CHUNKS)],
  ["chunked, then identity", post([`${CHUNKED}, identity`], NONE)],
  ["identity, then chunked", post(["Transfer-Encoding: identity, chunked"], CHUNKS + HIDDEN)],
  ["identity", post(["Transfer-Encoding: identity"], NONE)],
  ["identity and a length", post(["Transfer-Encoding: identity", LENGTH], BODY + HIDDEN)],
  ["chunked twice", post([`${CHUNKED}, chunked`], CHUNKS + HIDDEN)],
  ["two headers of chunked", post([CHUNKED, CHUNKED], CHUNKS + HIDDEN)],
  ["two transfer encodings", post([CHUNKED, "Transfer-Encoding: identity"], NONE)],
  ["two transfer encodings, chunked last", post(["Transfer-Encoding: x", CHUNKED], CHUNKS + HIDDEN)],
  ["gzip, then chunked", post(["Transfer-Encoding: gzip, chunked"], CHUNKS + HIDDEN)],
  ["chunked, then gzip", post([`${CHUNKED}, gzip`], NONE)],
  ["nothing, then chunked", post(["Transfer-Encoding: , chunked"], CHUNKS + HIDDEN)],
  ["chunked, then nothing", post([`${CHUNKED},`], CHUNKS + HIDDEN)],
  ["an unknown transfer encoding", post(["Transfer-Encoding: xchunked"], NONE)],
  ["another unknown one", post(["Transfer-Encoding: chunkedx"], NONE)],
  ["chunked in quotes", post(['Transfer-Encoding: "chunked"'], NONE)],
  ["chunked with a parameter", post([`${CHUNKED};q=1`], NONE)],
  ["a tab after chunked", post([`${CHUNKED}\t`], CHUNKS + HIDDEN)],
  ["a vertical tab before chunked", post(["Transfer-Encoding: \vchunked"], NONE)],
  ["a form feed after chunked", post([`${CHUNKED}\f`], NONE)],
  ["a fixed space before chunked", post(["Transfer-Encoding: \xa0chunked"], NONE)],
  ["a zero byte before chunked", post(["Transfer-Encoding: \0chunked"], NONE)],
  ["an empty transfer encoding", post(["Transfer-Encoding:"], HIDDEN)],
  ["an empty transfer encoding and a length", post(["Transfer-Encoding:", LENGTH], BODY + HIDDEN)],
  ["chunks in HTTP/1.0", post([CHUNKED, "Connection: keep-alive"], CHUNKS + HIDDEN, `POST ${PATH} HTTP/1.0`)],
  ["a space before the colon", post(["Transfer-Encoding : chunked"], NONE)],
  ["a tab before the colon", post(["Content-Length\t: 17"], BODY + HIDDEN)],
  ["a space before a name", post([" Transfer-Encoding: chunked", LENGTH], BODY + HIDDEN)],
  ["a first header that is folded", post([], "", `POST ${PATH} HTTP/1.1\r\n X: y`)],
  ["a folded transfer encoding", post(["Transfer-Encoding:", "\tchunked", LENGTH], BODY + HIDDEN)],
  ["a folded header", post(["X-A: b", " c: d", LENGTH], BODY)],
  ["a zero byte in a name", post(["Transfer-Encoding\0: chunked", LENGTH], BODY + HIDDEN)],
  ["a letter of another script in a name", post(["Tr\xe4nsfer: chunked", LENGTH], BODY + HIDDEN)],
  ["brackets in a name", post(["(x): a", LENGTH], BODY + HIDDEN)],
  ["a header without name", post([": a", LENGTH], BODY + HIDDEN)],
  ["a header without colon", post(["Transfer-Encoding", LENGTH], BODY + HIDDEN)],
  ["a zero byte in a value", post(["X-A: b\0c", LENGTH], BODY)],
  ["an escape in a value", post(["X-A: b\x1bc", LENGTH], BODY)],
  ["a carriage return alone in a value", post(["X-A: b\rContent-Length: 0", LENGTH], BODY)],
  ["a carriage return too many", post(["X-A: b\r", LENGTH], BODY)],
  ["a line feed alone in a value", post(["X-A: b\nTransfer-Encoding: chunked", LENGTH], BODY + HIDDEN)],
  ["line feeds alone", `POST ${PATH} HTTP/1.1\nHost: x\n${LENGTH}\n\n${BODY}`],
  ["a line feed alone before the body", `POST ${PATH} HTTP/1.1\r\nHost: x\r\n${LENGTH}\r\n\n${BODY}`],
  ["carriage returns alone", `POST ${PATH} HTTP/1.1\rHost: x\r${LENGTH}\r\r${BODY}`],
  ["a chunk extension with a line feed", post([CHUNKED], `11;a=\n${BODY}\r\n${NONE}`)],
  ["a chunk extension with a carriage return", post([CHUNKED], `11;a=\rb\r\n${BODY}\r\n${NONE}`)],
  ["a chunk extension with a zero byte", post([CHUNKED], `11;a=\0\r\n${BODY}\r\n${NONE}`)],
  ["an endless chunk extension", post([CHUNKED], `11;${"a".repeat(20_000)}\r\n${BODY}\r\n${NONE}`)],
  ["something after a chunk's size", post([CHUNKED], `11 a\r\n${BODY}\r\n${NONE}`)],
  ["a space after a chunk's size", post([CHUNKED], `11 \r\n${BODY}\r\n${NONE}`)],
  ["a space before a chunk's size", post([CHUNKED], ` 11\r\n${BODY}\r\n${NONE}`)],
  ["a chunk's size with its base", post([CHUNKED], `0x11\r\n${BODY}\r\n${NONE}`)],
  ["a chunk's size below nothing", post([CHUNKED], `-11\r\n${BODY}\r\n${NONE}`)],
  ["a chunk's size with a plus", post([CHUNKED], `+11\r\n${BODY}\r\n${NONE}`)],
  ["a last chunk of minus nothing", post([CHUNKED], `-${NONE}`)],
  ["a chunk whose size is no number", post([CHUNKED], "zz\r\n")],
  ["a chunk without size", post([CHUNKED], `\r\n${HIDDEN}`)],
  ["a chunk's size beyond all numbers", post([CHUNKED], `fffffffffffffffff\r\n${BODY}`)],
  ["a chunk's size that is right modulo 2⁶⁴", post([CHUNKED], `10000000000000011\r\n${BODY}\r\n${NONE}`)],
  ["line feeds alone between chunks", post([CHUNKED], `11\n${BODY}\n0\n\n${HIDDEN}`)],
  ["a line feed alone after a chunk", post([CHUNKED], `11\r\n${BODY}\n${NONE}`)],
  ["a line feed alone at the last chunk", post([CHUNKED], `11\r\n${BODY}\r\n0\n\n${HIDDEN}`)],
  ["a chunk longer than its size", post([CHUNKED], `11\r\n${BODY}xx\r\n${NONE}`)],
  ["a length in a trailer", post([CHUNKED], `11\r\n${BODY}\r\n0\r\n${LENGTH}\r\n\r\n${HIDDEN}`)],
  ["a transfer encoding in a trailer", post([CHUNKED], `11\r\n${BODY}\r\n0\r\n${CHUNKED}\r\n\r\n${HIDDEN}`)],
  ["a trailer that ends with a line feed", post([CHUNKED], `11\r\n${BODY}\r\n0\r\nX: a\n\n${HIDDEN}`)],
  ["HTTP/0.9", `GET /v1/models\r\n\r\n`],
  ["HTTP/0.9 with a body", `POST ${PATH}\r\n\r\n${HIDDEN}`],
  ["HTTP/0.9, as it says", answered(`POST ${PATH} HTTP/0.9`)],
  ["HTTP/1.2", answered(`POST ${PATH} HTTP/1.2`)],
  ["HTTP/2.0 on a line", answered(`POST ${PATH} HTTP/2.0`)],
  ["HTTP/1.10", answered(`POST ${PATH} HTTP/1.10`)],
  ["http/1.1", answered(`POST ${PATH} http/1.1`)],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"],
  ["tabs in the request line", answered(`POST\t${PATH}\tHTTP/1.1`)],
  ["a space in the target", answered(`POST ${PATH} x HTTP/1.1`)],
  ["a zero byte in the target", answered(`POST ${PATH}?\0 HTTP/1.1`)],
  ["bytes above ASCII in the target", answered(`POST ${PATH}?\xc3\xa9 HTTP/1.1`)],
  ["a space before the method", answered(` POST ${PATH} HTTP/1.1`)],
  ["a method in small letters", answered(`post ${PATH} HTTP/1.1`)],
  ["an unknown method", answered(`SMUGGLE ${PATH} HTTP/1.1`)],
  ["the name of a server as the target", answered("POST evil.example:80 HTTP/1.1")],
  ["no host", `POST ${PATH} HTTP/1.1\r\n${LENGTH}\r\n\r\n${BODY}`],
  ["two hosts", answered(`POST ${PATH} HTTP/1.1`, "Host: y")],
  ["the same host twice", answered(`POST ${PATH} HTTP/1.1`, "hOST: x")],
  ["a host that is none", `POST ${PATH} HTTP/1.1\r\nHost: a/b@c\r\n${LENGTH}\r\n\r\n${BODY}`],
])("%s: 400, the connection is closed, and no engine hears of it", async (_, bytes) => {
  expect(await answersTo(bytes)).toMatchObject([
    { status: 400, whole: true, body: expect.stringContaining('"reason":"invalid_request"') as string },
  ]);
  expect(engine.requests).toEqual([]);
});

test.each([
  ["a length with zeroes in front", post(["Content-Length: 0017", CLOSE], BODY)],
  ["a length with white space around", post(["Content-Length:  \t 17 \t", CLOSE], BODY)],
  ["chunked in odd letters", post(["tRANSFER-eNCODING: cHuNkEd", CLOSE], CHUNKS)],
  ["a tab before chunked", post(["Transfer-Encoding:\tchunked", CLOSE], CHUNKS)],
  [
    "an underscore in a name",
    answered(`POST ${PATH} HTTP/1.1`, "Transfer_Encoding: chunked", "Content_Length: 5"),
  ],
  ["a chunk extension", post([CHUNKED, CLOSE], `11;a=b\r\n${BODY}\r\n0;c\r\n\r\n`)],
  ["a chunk extension in quotes", post([CHUNKED, CLOSE], `11;a="b;c"\r\n${BODY}\r\n0\r\n\r\n`)],
  ["sizes with zeroes in front", post([CHUNKED, CLOSE], `00000011\r\n${BODY}\r\n000\r\n\r\n`)],
  [
    "trailers",
    post([CHUNKED, CLOSE], `11\r\n${BODY}\r\n0\r\nAuthorization: a\r\nHost: y\r\nUpgrade: h2c\r\n\r\n`),
  ],
  ["HTTP/1.0", post([LENGTH], BODY, `POST ${PATH} HTTP/1.0`)],
  ["empty lines before it", `\r\n\r\n${answered(`POST ${PATH} HTTP/1.1`)}`],
  ["line ends in the query, encoded", answered(`POST ${PATH}?%0d%0aX:%20a HTTP/1.1`)],
  ["another server's name in the target", answered(`POST http://evil.example${PATH} HTTP/1.1`)],
  ["a user in the target", answered(`POST https://a:b@evil.example:1${PATH} HTTP/1.1`)],
  ["an empty host", `POST ${PATH} HTTP/1.1\r\nHost:\r\n${CLOSE}\r\n${LENGTH}\r\n\r\n${BODY}`],
  [
    "a change to HTTP/2",
    post(
      [LENGTH, "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
      BODY,
    ),
  ],
  ["a change to WebSocket", post([LENGTH, "Connection: Upgrade, close", "Upgrade: websocket"], BODY)],
])("%s: served once, in the gateway's own framing", async (_, bytes) => {
  const answers = await answersTo(bytes);
  expect(answers).toMatchObject([{ status: 200, whole: true, body: "{}" }]);
  expect(engine.requests).toHaveLength(1);
  const [{ target, headers, body }] = engine.requests;
  expect([target.split("?")[0], body]).toEqual([PATH, BODY]);
  expect(headers.get("host")).toEqual([new URL(engine.url).host]);
  expect(headers.get("content-length")).toEqual([`${BODY.length}`]);
  for (const name of ["upgrade", "http2-settings", "authorization", "trailer", "te"])
    expect(headers.has(name)).toBe(false);
});

const HIDDEN_LENGTH = `Content-Length: ${HIDDEN.length}`;

test.each<[what: string, bytes: string, sent: string[]]>([
  ["GET", post([HIDDEN_LENGTH, CLOSE], HIDDEN, "GET /v1/models HTTP/1.1"), []],
  ["HEAD of a health check", post([HIDDEN_LENGTH, CLOSE], HIDDEN, "GET /health HTTP/1.1"), []],
  [
    "a response's DELETE",
    post([HIDDEN_LENGTH, CLOSE], HIDDEN, "DELETE /v1/responses/r1 HTTP/1.1"),
    ["DELETE /v1/responses/r1 "],
  ],
  [
    "a response's DELETE, in chunks",
    post(
      [CHUNKED, CLOSE],
      `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
      "DELETE /v1/responses/r1 HTTP/1.1",
    ),
    ["DELETE /v1/responses/r1 "],
  ],
  [
    "what browsers ask first",
    post(
      [HIDDEN_LENGTH, CLOSE, "Origin: http://a", "Access-Control-Request-Method: POST"],
      HIDDEN,
      `OPTIONS ${PATH} HTTP/1.1`,
    ),
    [`OPTIONS ${PATH} `],
  ],
])("a body where none belongs is nobody's request: of %s", async (_, bytes, sent) => {
  expect(await answersTo(bytes)).toMatchObject([{ status: 200, whole: true }]);
  // Which server has the response is asked for by itself.
  const all = engine.requests.map(({ method, target, body }) => `${method} ${target} ${body}`);
  expect(all.filter((each) => each !== "GET /v1/responses/r1 ")).toEqual(sent);
});

test("a body that looks like requests is one request's body", async () => {
  const form = `--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nsmall\r\n--x\r\n\r\n${HIDDEN}0\r\n\r\n${HIDDEN}\r\n--x--\r\n`;
  const bytes = post(
    ["Content-Type: multipart/form-data; boundary=x", `Content-Length: ${form.length}`, CLOSE],
    form,
    "POST /v1/audio/transcriptions HTTP/1.1",
  );
  expect(await answersTo(bytes)).toMatchObject([{ status: 200, whole: true }]);
  expect(engine.requests.map(({ body }) => body)).toEqual([form]);
});

test.each([
  ["a route that is none", 404, "POST /nowhere HTTP/1.1", []],
  ["another method", 405, `PUT ${PATH} HTTP/1.1`, []],
  ["TRACE", 405, `TRACE ${PATH} HTTP/1.1`, []],
  ["CONNECT", 404, "CONNECT evil.example:443 HTTP/1.1", []],
  ["another coding", 415, `POST ${PATH} HTTP/1.1`, ["Content-Encoding: gzip"]],
  ["an expectation", 417, `POST ${PATH} HTTP/1.1`, ["Expect: tea"]],
  ["too large", 413, `POST ${PATH} HTTP/1.1`, ["Content-Length: 99999999"]],
  ["two hosts", 400, `POST ${PATH} HTTP/1.1`, ["Host: y"]],
])(
  "refused, with a request behind it: %s: nothing of what follows is served",
  async (_, status, line, headers) => {
    const length = headers.some((name) => name.startsWith("Content-Length")) ? [] : [HIDDEN_LENGTH];
    const answers = await answersTo(post([...length, ...headers], HIDDEN + HIDDEN, line));
    expect(answers).toMatchObject([{ status, whole: true }]);
    expect(answers[0].headers.get("connection")).toEqual(["close"]);
    expect(engine.requests).toEqual([]);
  },
);

test("a request behind the last one is not served", async () => {
  await answersTo(answered(`POST ${PATH} HTTP/1.1`) + HIDDEN);
  expect(engine.requests.map(({ body }) => body)).not.toContain(expect.stringContaining("hidden"));
});

test("what `Connection` names ends here, but for what the gateway says itself", async () => {
  const named = "close, Content-Length, transfer-encoding, HOST, x-request-id, authorization, x-a";
  const headers = [
    `Connection: ${named}`,
    "Connection: x-b",
    "X-Request-Id: mine",
    "Authorization: a",
    "X-A: a",
  ];
  const answers = await answersTo(post([LENGTH, ...headers, "x-b: b", "x-c: c"], BODY));
  expect(answers).toMatchObject([{ status: 200, whole: true }]);
  const [{ headers: sent, body }] = engine.requests;
  expect(body).toBe(BODY);
  expect(["authorization", "x-a", "x-b", "x-c"].map((name) => sent.has(name))).toEqual([
    false,
    false,
    false,
    true,
  ]);
  expect(sent.get("x-request-id")).toEqual(["mine"]);
  expect(sent.get("content-length")).toEqual([`${BODY.length}`]);
});

test.each(["100-continue", "100-CONTINUE", "100-continue, tea"])(
  "`Expect: %s` is met here",
  async (expectation) => {
    const answers = await answersTo(post([LENGTH, `Expect: ${expectation}`, CLOSE], BODY));
    expect(answers.at(-1)).toMatchObject({ status: 200, whole: true });
    expect(engine.requests.map(({ headers, body }) => [headers.has("expect"), body])).toEqual([
      [false, BODY],
    ]);
  },
);

test.each([
  ["with a line end", "a\\r\\nx-evil: 1"],
  ["with spaces", "a b"],
  ["of endless length", "x".repeat(200)],
  ["of another script", "\xe4"],
])("a request's id %s is replaced", async (_, id) => {
  const [answer] = await answersTo(post([LENGTH, `X-Request-Id: ${id}`, CLOSE], BODY));
  expect(answer.status).toBe(200);
  const ids = answer.headers.get("x-request-id");
  expect(ids).toEqual([expect.stringMatching(/^[\da-f-]{36}$/)]);
  expect(engine.requests[0].headers.get("x-request-id")).toEqual(ids);
});

test("a model's name adds no header, whatever is in it", async () => {
  const text = JSON.stringify({ model: "small\r\nx-evil: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\u0000\u2028é" });
  const body = Buffer.from(text).toString("latin1");
  const answers = await answersTo(post([`Content-Length: ${body.length}`, CLOSE], body));
  expect(answers).toMatchObject([{ status: 404, whole: true }]);
  expect(answers[0].headers.has("x-evil")).toBe(false);
  expect(engine.requests).toEqual([]);
});

test("HEAD has the headers of GET, and no body", async () => {
  const { socket, closed } = await rawClient(gateway.url);
  socket.write(
    post([], "", "HEAD /v1/models HTTP/1.1") + post([CLOSE], "", "HEAD /v1/responses/r1 HTTP/1.1"),
  );
  const text = await closed;
  const first = readAnswer(text, 0, true, true);
  const second = readAnswer(text, first?.end ?? 0, true, true);
  expect([first?.message.status, second?.message.status, second?.end]).toEqual([200, 200, text.length]);
});

test("requests sent without waiting are answered in their order, whoever answers them", async () => {
  const lines = [
    "GET /health",
    `POST ${PATH}`,
    "GET /v1/models",
    `POST ${PATH}`,
    "GET /v1/models/nope",
    `POST ${PATH}`,
  ];
  const requests = lines.map((line, i) => {
    const more = [`x-request-id: r${i}`, ...(i === lines.length - 1 ? [CLOSE] : [])];
    return line.startsWith("POST")
      ? post([LENGTH, ...more], BODY, `${line} HTTP/1.1`)
      : post(more, "", `${line} HTTP/1.1`);
  });
  const answers = await answersTo(requests.join(""));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404, 200]);
  expect(answers.map(({ headers }) => headers.get("x-request-id"))).toEqual(lines.map((_, i) => [`r${i}`]));
});
