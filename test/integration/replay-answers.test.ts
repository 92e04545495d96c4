import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { openLoop } from "../../src/replay/open-loop.ts";
import { Replay, type ReplayOptions } from "../../src/replay/replay.ts";
import type { BodyStyle } from "../../src/replay/request-body.ts";
import { LEFT, type RequestRecord } from "../../src/replay/request-record.ts";
import { schedule } from "../../src/replay/schedule.ts";
import type { Target } from "../../src/replay/target.ts";
import { scriptedServer, stream } from "../../harness/fakes/scripted-server.ts";

const NEVER = new AbortController().signal;

interface Changes extends Partial<Omit<ReplayOptions, "target" | "style">> {
  readonly target?: Partial<Target>;
  readonly style?: Partial<BodyStyle>;
}

/** Plays requests that all start at once, each with its own number of output tokens. */
function play(url: URL, outputTokens: readonly number[], changes: Changes = {}) {
  const trace = outputTokens.map((tokens) => ({ arrivalMs: 0, inputTokens: 4, outputTokens: tokens }));
  return playTrace(url, trace, changes);
}

async function playTrace(
  url: URL,
  trace: readonly TraceRequest[],
  { target, style, ...options }: Changes = {},
) {
  const records: RequestRecord[] = [];
  const replay = new Replay({
    target: { url, headers: [], insecure: false, keepAlive: true, ...target },
    style: { endpoint: "chat", model: "m1", lengths: "forced", extra: {}, ...style },
    load: openLoop(schedule(trace, 1, Number.POSITIVE_INFINITY)),
    maxInFlight: 64,
    seed: 1,
    onRecord: (record) => records.push(record),
    ...options,
  });
  const outcome = await replay.run(NEVER);
  return { outcome, records: records.toSorted((a, b) => a.index - b.index) };
}

/** What a record says of an answer with this text. */
async function answered(text: string, headers: Record<string, string> = {}): Promise<RequestRecord> {
  await using server = await scriptedServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(text);
  });
  return (await play(server.url, [4])).records[0];
}

const sse = (frame: unknown): string => `data: ${JSON.stringify(frame)}\n\n`;
const word = sse({ choices: [{ delta: { content: "word" }, finish_reason: null }] });
const finish = (reason: string) => sse({ choices: [{ delta: {}, finish_reason: reason }] });
const usage = (completion_tokens: number) =>
  sse({ choices: [], usage: { prompt_tokens: 4, completion_tokens } });
const DONE = "data: [DONE]\n\n";
/** An answer of two choices that end so. */
const both = (...reasons: (string | null)[]) =>
  reasons
    .map((finish_reason, index) => sse({ choices: [{ index, delta: { content: "w" }, finish_reason }] }))
    .join("");

describe("an answer of HTTP status 200", () => {
  it.each([
    ["an error as a text", word + sse({ error: "engine died" }) + DONE, "error_frame", "engine died"],
    [
      "an error as an object",
      word + sse({ error: { message: "engine died" } }),
      "error_frame",
      "engine died",
    ],
    ["an error behind its end", word + finish("stop") + sse({ error: "late" }) + DONE, "error_frame", "late"],
    ["the object `error`", word + sse({ object: "error", message: "no" }) + DONE, "error_frame", "no"],
    ["an event of the type error", `${word}event: error\ndata: {"message":"no"}\n\n`, "error_frame", "no"],
    ["no JSON", `${word}data: {broken}\n\n${DONE}`, "error_frame", "no JSON object: {broken}"],
    ["the finish reason error", word + finish("error") + usage(1) + DONE, "finish_error", null],
    [
      "a finish reason as an object (SGLang)",
      `${word}${sse({ choices: [{ delta: {}, finish_reason: { type: "abort", message: "no room" } }] })}${DONE}`,
      "finish_abort",
      "no room",
    ],
    ["the finish reason abort", word + finish("abort") + DONE, "finish_abort", null],
    [
      "a role only",
      sse({ choices: [{ delta: { role: "assistant", content: "" } }] }) + DONE,
      "no_token",
      null,
    ],
    ["an error in its own words, without the line ends", `${word}data: {"error":"no"}`, "error_frame", "no"],
    ["a JSON error between its events", `${word}{"error":{"message":"no"}}\n`, "error_frame", "no"],
    ["the field `error` (llama.cpp)", `${word}error: {"message":"no"}\n\n${DONE}`, "error_frame", "no"],
    [
      "words that are of no event",
      `${word}Internal Server Error`,
      "incomplete_stream",
      "Internal Server Error",
    ],
    ["a page", "<html>\n<h1>Log in</h1>\n</html>", "unreadable_body", "<html>\n<h1>Log in</h1>\n</html>"],
    ["a JSON error in place of events", '{"error":{"message":"no"}}', "error_body", "no"],
    ["a JSON error over several lines", '{\n  "detail":\n  "no"\n}', "error_body", "no"],
    ["one of two choices given up", both("error", "stop") + DONE, "finish_error", null],
    ["one of two choices given up behind the other", both("stop", "error") + DONE, "finish_error", null],
    ["one of two choices only ended", both("stop", null), "incomplete_stream", null],
    ["a finish only", finish("stop") + DONE, "no_token", null],
    ["nothing", "", "incomplete_stream", null],
    ["no end", word, "incomplete_stream", null],
    ["half a frame", `${word + finish("stop")}data: {"choi`, "incomplete_stream", null],
  ])("has failed with %s", async (_, text, failure, errorText) => {
    expect(await answered(text)).toMatchObject({ failure, errorText, status: 200 });
  });

  it.each([
    ["without [DONE]", word + word + finish("stop") + usage(2)],
    ["without usage", word + word + finish("length") + DONE],
    ["whose [DONE] lacks its last line ends", `${word}${word}${finish("stop")}data: [DONE]`],
    ["without a finish reason", word + word + DONE],
    ["both of whose choices have ended", both("stop", "length")],
    ["with pings of their own type", `event: ping\ndata: ping\n\n${word}${word}${DONE}`],
    ["whose server counts no token, and sends some", word + word + finish("stop") + usage(0) + DONE],
    ["whose server counts before it sends", usage(0) + word + word + finish("stop") + DONE],
    ["whose usage comes in parts", word + finish("stop") + usage(2) + sse({ usage: {}, choices: [] }) + DONE],
  ])("is whole %s", async (_, text) => {
    expect(await answered(text)).toMatchObject({ failure: null, outputTokens: 2, errorText: null });
  });

  it("may end at once, if its server counts the token that said so", async () => {
    const record = await answered(finish("stop") + usage(1) + DONE);
    expect(record).toMatchObject({ failure: null, outputTokens: 1, ttftMs: null, finishReason: "stop" });
  });

  it("counts each kind of frame as what it is, and tokens by the server's usage as it goes", async () => {
    const counted = (delta: object, completion_tokens: number) =>
      sse({ choices: [{ delta }], usage: { prompt_tokens: 9, completion_tokens } });
    const text = [
      counted({ role: "assistant", content: "" }, 0),
      counted({ reasoning_content: "hm" }, 3),
      counted({ content: "" }, 4),
      counted({ content: "a b c" }, 7),
      counted({ tool_calls: [{ index: 0 }] }, 8),
      ": ping\n\n",
      finish("tool_calls"),
      DONE,
    ];
    expect(await answered(text.join(""))).toMatchObject({
      failure: null,
      inputTokens: 9,
      outputTokens: 8,
      tokensFrom: "usage",
      frames: { role: 1, reasoning: 1, empty: 1, text: 1, tool: 1, finish: 1, none: 1 },
      itlMs: { length: 2 },
      finishReason: "tool_calls",
    });
  });

  it("has its tokens' ids counted where it lists them and has no usage", async () => {
    const ids = sse({ choices: [{ delta: { content: "a b c" }, token_ids: [1, 2, 3] }] });
    expect(await answered(ids + ids + finish("stop") + DONE)).toMatchObject({
      outputTokens: 6,
      tokensFrom: "token_ids",
    });
  });

  it("has the server's own names, and what was sent", async () => {
    const record = await answered(word + finish("stop") + DONE, {
      "x-plimsoll-shard": "node-1/3",
      "x-plimsoll-epoch": "12",
      "X-Request-Id": "theirs",
    });
    expect(record).toMatchObject({ shard: "node-1/3", epoch: 12, serverRequestId: "theirs" });
    expect(record.requestId).toMatch(/^plimsoll-[0-9a-f]{8}-0$/);
  });

  it("in one piece is read too, but has no first token", async () => {
    const whole = {
      choices: [{ message: { role: "assistant", content: "word" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 4, completion_tokens: 1 },
    };
    const json = { "content-type": "application/json; charset=utf-8" };
    expect(await answered(JSON.stringify(whole), json)).toMatchObject({
      failure: null,
      outputTokens: 1,
      finishReason: "stop",
      ttftMs: null,
    });
    expect(await answered('{"error":{"message":"no"}}', json)).toMatchObject({
      failure: "error_body",
      errorText: "no",
    });
    expect(await answered("{", json)).toMatchObject({ failure: "unreadable_body" });
    expect(await answered("{}", json)).toMatchObject({ failure: "no_token" });
    expect(await answered('{"detail":[{"msg":"no"}]}', json)).toMatchObject({ failure: "error_body" });
    const ended = { choices: [{ message: { content: "" }, finish_reason: "stop" }] };
    expect(await answered(JSON.stringify(ended), json)).toMatchObject({ failure: "no_token" });
    const counted = JSON.stringify({ ...ended, usage: { completion_tokens: 1 } });
    expect(await answered(counted, json)).toMatchObject({ failure: null, outputTokens: 1 });
    // Its tokens are as uncounted as those of a stream without usage.
    const { usage: _, ...uncounted } = whole;
    expect(await answered(JSON.stringify(uncounted), json)).toMatchObject({
      failure: null,
      outputTokens: 1,
      tokensFrom: "frames",
    });
    // Whatever the server calls it, or calls a stream.
    expect(await answered(JSON.stringify(whole))).toMatchObject({ failure: null, outputTokens: 1 });
    const events = await answered(`: ping\n\n${word}${word}${finish("stop")}${DONE}`, json);
    expect(events).toMatchObject({ failure: null, outputTokens: 2, itlMs: { length: 1 } });
  });

  it("is not read where it is compressed, but what a server says of a failure is", async () => {
    const gzip = { "content-encoding": "gzip", "content-type": "application/json" };
    const bytes = gzipSync('{"error":{"message":"too long"}}');
    await using server = await scriptedServer(({ max_tokens: tokens }, response) => {
      response.writeHead(tokens === 1 ? 200 : 400, gzip).end(bytes);
    });
    const { records } = await play(server.url, [1, 2]);
    expect(server.headers[0]["accept-encoding"]).toBe("identity");
    expect(records).toMatchObject([
      { failure: "encoded_body", errorText: expect.stringContaining("content-encoding: gzip") },
      { failure: "http_400", errorText: "too long" },
    ]);
  });

  it("is counted by a tokenizer where nobody counts its tokens", async () => {
    const letters = { words: ["a"], countedBy: "letters", count: (text: string) => text.length };
    const text = { 1: word, 2: word + usage(2), 3: sse({ choices: [{ delta: { reasoning: "hm" } }] }) };
    await using server = await scriptedServer(({ max_tokens: tokens }, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(text[tokens as 1 | 2 | 3] + finish("stop") + DONE);
    });
    const { records, outcome } = await play(server.url, [1, 2, 3], { words: letters });
    expect(records.map(({ outputTokens, tokensFrom }) => [outputTokens, tokensFrom])).toEqual([
      [4, "tokenizer"],
      [2, "usage"],
      [2, "tokenizer"],
    ]);
    expect(outcome.countedBy).toEqual({ usage: 1, token_ids: 0, tokenizer: 2, frames: 0 });
  });

  it("is judged by what came when its connection is cut", async () => {
    const cut = (text: string) => (_: unknown, response: ServerResponse) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(text, () => response.socket?.resetAndDestroy());
    };
    const failures: (string | null)[] = [];
    for (const text of [word + finish("stop") + DONE, word + finish("stop"), word + sse({ error: "no" })]) {
      await using server = await scriptedServer(cut(text));
      failures.push((await play(server.url, [4])).records[0].failure);
    }
    expect(failures).toEqual([null, expect.stringMatching(/^(ECONNRESET|UND_ERR_SOCKET)$/), "error_frame"]);
  });
});

it("an answer is over soon after [DONE] where its server never ends the response", async () => {
  await using server = await scriptedServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(word + word + finish("length") + usage(2) + DONE);
  });
  const { records } = await play(server.url, [2, 2]);
  expect(records).toMatchObject([
    { failure: null, outputTokens: 2, finishReason: "length" },
    { failure: null, outputTokens: 2 },
  ]);
});

describe("what a server repeats", () => {
  it("has nothing of keys, headers and queries in it", async () => {
    await using server = await scriptedServer((_, response) => {
      const said = ["sk-0123456789", "searching", "in a query", "pass word"].join("; ");
      response.writeHead(401).end(`Bearer ${said}; team`);
    });
    const url = new URL("?key=in+a+query", server.url);
    url.password = "pass word";
    const headers = ["Authorization", "Bearer sk-0123456789", "x-for", "searching", "x-of", "team"];
    const { records, outcome } = await play(url, [4], { target: { headers } });
    expect(records[0].errorText).toBe("…; …; …; …; team");
    expect(outcome.errorTexts).toEqual({ "…; …; …; …; team": 1 });
  });
});

describe("a request", () => {
  it("carries the headers, a name of its own, and the body that was asked for", async () => {
    await using server = await scriptedServer(stream);
    const { records } = await play(server.url, [2, 3], {
      target: { headers: ["authorization", "Bearer k", "x-team", "search"] },
      style: { extra: { temperature: 0, stream_options: null } },
    });
    for (const [i, headers] of server.headers.entries()) {
      expect(headers).toMatchObject({ authorization: "Bearer k", "x-team": "search" });
      expect(headers["x-request-id"]).toBe(records[i].requestId);
    }
    for (const body of server.bodies) {
      expect(body).toMatchObject({ ignore_eos: true, min_tokens: body.max_tokens, temperature: 0 });
      expect(body).not.toHaveProperty("stream_options");
    }
  });

  it("carries who asks and what is asked, as far as its trace says", async () => {
    await using server = await scriptedServer(stream);
    const request = {
      arrivalMs: 0,
      inputTokens: 4,
      outputTokens: 2,
      priority: 3,
      tenant: "a b",
      session: "ü1",
      trafficClass: "code",
    };
    const messages = [{ role: "system", content: "be brief" }];
    await playTrace(server.url, [{ ...request, messages }]);
    expect(server.headers[0]).toMatchObject({ "x-tenant-id": "a b", "x-session-id": "%C3%BC1" });
    expect(server.headers[0]).toMatchObject({ "x-traffic-class": "code" });
    expect(server.bodies[0]).toMatchObject({ priority: 3, messages });
    // A person's own word goes before the trace's.
    await playTrace(server.url, [request], { target: { headers: ["X-Tenant-Id", "mine"] } });
    expect(server.headers[1]).toMatchObject({ "x-tenant-id": "mine", "x-session-id": "%C3%BC1" });
  });

  it("leaves the ends of answers to the model with natural lengths", async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(200).end(word + finish("stop") + usage(1) + DONE);
    });
    const { outcome } = await play(server.url, [3, 1], { style: { lengths: "natural" } });
    for (const body of server.bodies) {
      expect(body).not.toHaveProperty("ignore_eos");
      expect(body).not.toHaveProperty("min_tokens");
    }
    expect(outcome).toMatchObject({ askedTokens: 4, outputTokens: 2, shortAnswers: 1, longAnswers: 0 });
  });

  it.each([
    ["", "/v1/chat/completions"],
    ["v1", "/v1/chat/completions"],
    ["tenants/a/v1/?version=2", "/tenants/a/v1/chat/completions?version=2"],
    ["tenants/a?version=2", "/tenants/a/v1/chat/completions?version=2"],
  ])("keeps the path and the query of /%s", async (base, path) => {
    await using server = await scriptedServer(stream);
    await play(new URL(base, server.url), [1]);
    expect(server.paths).toEqual([path]);
  });

  it("may be a plain completion, or an embedding", async () => {
    await using server = await scriptedServer((body, response) => {
      if (body.messages !== undefined) return void response.writeHead(400).end();
      if ("input" in body) {
        response.writeHead(200, { "content-type": "application/json" });
        return void response.end(JSON.stringify({ data: [{ embedding: [1] }], usage: { prompt_tokens: 4 } }));
      }
      response.writeHead(200).end(sse({ choices: [{ text: "a" }] }) + usage(1) + finish("stop") + DONE);
    });
    const completion = await play(server.url, [1], { style: { endpoint: "completions" } });
    expect(completion.outcome).toMatchObject({ completed: 1, outputTokens: 1 });
    const embedding = await play(server.url, [1], { style: { endpoint: "embeddings" } });
    expect(embedding.outcome).toMatchObject({
      completed: 1,
      outputTokens: 0,
      askedTokens: 0,
      shortAnswers: 0,
    });
    expect(server.paths).toEqual(["/v1/completions", "/v1/embeddings"]);
  });

  it("keeps its socket for the next, unless it may not", async () => {
    await using server = await scriptedServer(stream);
    await play(server.url, [1, 1, 1], { maxInFlight: 1 });
    expect(server.sockets.size).toBe(1);
    await play(server.url, [1, 1, 1], { maxInFlight: 1, target: { keepAlive: false } });
    expect(server.sockets.size).toBe(4);
  });

  it("takes a certificate that nobody has signed only where it is told to", async () => {
    const file = (name: string) => readFileSync(new URL(`../../harness/fakes/tls/${name}`, import.meta.url));
    await using server = await scriptedServer(stream, { key: file("server.key"), cert: file("server.pem") });
    expect((await play(server.url, [1], { target: { insecure: true } })).outcome.completed).toBe(1);
    const { records } = await play(server.url, [1]);
    expect(records[0].failure).toMatch(/CERT|VERIFY|SIGNATURE/);
    expect(records[0]).toMatchObject({ sentMs: null, status: null });
  });

  it("fails when it takes longer than it may, wherever it is then", async () => {
    await using silent = await scriptedServer((_, response) => response.writeHead(200).flushHeaders());
    const { records } = await play(silent.url, [1, 1], { timeoutMs: 50, maxInFlight: 1 });
    expect(records.map(({ failure }) => failure)).toEqual(["timeout", "timeout"]);
    await using server = await scriptedServer(stream);
    expect((await play(server.url, [1], { timeoutMs: 60_000 })).outcome.completed).toBe(1);
  });

  it("is counted where the server sends it away, or comes back when it is told to", async () => {
    let refused = 0;
    await using server = await scriptedServer(async (body, response) => {
      if (refused++ % 2 === 1) return stream(body, response);
      response.writeHead(429, { "retry-after": "0" }).end('{"error":{"message":"slow down"}}');
    });
    const counted = await play(server.url, [2]);
    expect(counted.outcome).toMatchObject({ failed: 1, retried: 0, failures: { http_429: 1 } });
    expect(counted.records[0].errorText).toBe("slow down");
    refused = 0;
    const retried = await play(server.url, [2], { retries: 1 });
    expect(retried.outcome).toMatchObject({ completed: 1, failed: 0, retried: 1 });
    expect(retried.records[0]).toMatchObject({ attempts: 2, failure: null, status: 200 });
  });

  it("comes back only so often, and only where the server says so", async () => {
    await using server = await scriptedServer((body, response) => {
      response.writeHead(body.max_tokens === 1 ? 503 : 500, { "retry-after": "0" }).end("busy");
    });
    const { records } = await play(server.url, [1, 2], { retries: 2 });
    expect(records).toMatchObject([
      { attempts: 3, failure: "http_503", errorText: "busy" },
      { attempts: 1, failure: "http_500" },
    ]);
  });

  it("is over at once when the replay is stopped while it waits to come back", async () => {
    const stop = new AbortController();
    await using server = await scriptedServer((_, response) => {
      response.writeHead(503, { "retry-after": "3600" }).end();
      setTimeout(() => stop.abort(), 20);
    });
    const trace = [{ arrivalMs: 0, inputTokens: 4, outputTokens: 1 }];
    const replay = new Replay({
      target: { url: server.url, headers: [], insecure: false, keepAlive: true },
      style: { endpoint: "chat", model: "m1", lengths: "forced", extra: {} },
      load: openLoop(schedule(trace, 1, Number.POSITIVE_INFINITY)),
      maxInFlight: 1,
      seed: 1,
      retries: 1,
    });
    expect(await replay.run(stop.signal)).toMatchObject({ cancelled: 1, failed: 0 });
  });

  it("is left by as many users as asked for, in the midst, and the server sees them go", async () => {
    let gone = 0;
    await using server = await scriptedServer(async (body, response) => {
      response.once("close", () => (gone += response.writableFinished ? 0 : 1));
      await stream(body, response);
    });
    const { outcome, records } = await play(server.url, Array(20).fill(30) as number[], { leaving: 0.5 });
    const left = records.filter(({ failure }) => failure === LEFT);
    expect(left.length).toBeGreaterThan(4);
    expect(outcome).toMatchObject({ left: left.length, completed: 20 - left.length, failed: 0 });
    for (const record of left) expect(record.outputTokens).toBeLessThan(30);
    await expect.poll(() => gone).toBe(left.length);
  });
});
