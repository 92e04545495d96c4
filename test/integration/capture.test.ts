import { readFile, readdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ChatBody,
  type ScriptedServer,
  scriptedServer,
  sendFrame,
} from "../../harness/fakes/scripted-server.ts";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { openTrace } from "../../src/cli/replay/open-trace.ts";
import { runHere } from "../run-here.ts";

/** What a line of a captured trace has, as far as these tests look. */
interface Line {
  readonly timestamp_ms: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly estimated?: readonly string[];
  readonly hash_ids?: readonly number[];
  readonly session?: string;
  readonly tenant?: string;
  readonly outcome: string;
  readonly duration_ms: number;
  readonly body?: ChatBody;
}

let folder: ScratchFolder;
let engine: ScriptedServer;
beforeAll(async () => {
  folder = await scratchFolder();
  engine = await scriptedServer(answer);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Answers as asked, with counts as of four letters a token; breaks off where the last message says so. */
function answer({ messages, max_tokens: tokens, stream }: ChatBody, response: ServerResponse): void {
  const usage = { prompt_tokens: promptTokens(messages), completion_tokens: tokens };
  const streamed = stream || messages.at(-1)?.content === "break";
  response.writeHead(200, { "content-type": streamed ? "text/event-stream" : "application/json" });
  if (!streamed) {
    response.end(JSON.stringify({ choices: [{ message: { content: "a" } }], usage }));
    return;
  }
  sendFrame(response, { choices: [{ delta: { content: "word" } }] });
  if (messages.at(-1)?.content === "break") setTimeout(() => response.destroy(), 5);
  // What is long goes on until its client leaves.
  else if (tokens < 1000) {
    for (let token = 1; token < tokens; token++)
      sendFrame(response, { choices: [{ delta: { content: " word" } }] });
    sendFrame(response, { choices: [], usage });
    response.end("data: [DONE]\n\n");
  }
}

function promptTokens(messages: ChatBody["messages"]): number {
  return Math.round(JSON.stringify(messages).length / 4);
}

function configuration(directory: string | null, more = ""): string {
  const capture = directory === null ? "" : `capture: { directory: ${directory}${more} }`;
  return `${capture}
tenancy: { header: x-tenant-id }
pools: [{ name: chat, kind: openai, models: [m1], urls: ["${engine.url.href.slice(0, -1)}"] }]
`;
}

interface Asking {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly stream?: boolean;
  readonly tokens?: number;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

async function ask(
  url: string,
  { messages, stream: streamed = true, tokens = 3, headers = {}, signal }: Asking,
) {
  const body = JSON.stringify({ model: "m1", stream: streamed, max_tokens: tokens, messages });
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  const response = await fetch(
    `${url}/v1/chat/completions`,
    signal === undefined ? init : { ...init, signal },
  );
  return { status: response.status, text: await response.text() };
}

async function captured(directory: string): Promise<{ headers: Record<string, unknown>[]; lines: Line[] }> {
  const names = (await readdir(directory)).toSorted();
  const files = await Promise.all(names.map((name) => readFile(`${directory}/${name}`)));
  const texts = files.map((file, i) => (names[i].endsWith(".gz") ? gunzipSync(file) : file).toString());
  const all = texts.map((text) => text.trimEnd().split("\n"));
  return {
    headers: all.map(([header]) => JSON.parse(header) as Record<string, unknown>),
    lines: all.flatMap(([, ...lines]) => lines.map((line) => JSON.parse(line) as Line)),
  };
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });
const SYSTEM = { role: "system", content: "You answer in short sentences. ".repeat(30) };

test("a conversation, an answer that is not streamed, one that breaks off and one that is left", async () => {
  const directory = folder.path("one");
  const gateway = await startGateway(configuration(directory));
  const { url } = gateway;
  const headers = { "x-session-id": "alice", "x-tenant-id": "acme" };
  const first = [SYSTEM, user("hello there ".repeat(40))];
  await ask(url, { messages: first, headers, tokens: 4 });
  await ask(url, { messages: [...first, assistant("word ".repeat(4)), user("more")], headers, tokens: 2 });
  await ask(url, { messages: [SYSTEM, user("another")], stream: false, tokens: 7 });
  await ask(url, { messages: [user("break")] }).catch(() => {});
  const leaving = new AbortController();
  const left = ask(url, { messages: [user("long")], tokens: 10_000, signal: leaving.signal });
  await expect.poll(() => engine.open).toBe(1);
  leaving.abort();
  await expect(left).rejects.toThrow("aborted");
  await expect.poll(() => engine.open).toBe(0);
  expect((await fetch(`${url}/v1/models`)).status).toBe(200);
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await expect.poll(metrics).toContain('plimsoll_capture_requests_total{result="written"} 5\n');
  expect(await metrics()).toContain("plimsoll_capture_on 1\n");
  const state = (await (await fetch(`${url}/admin/state`)).json()) as { capture: object };
  expect(state.capture).toMatchObject({ on: true, fault: null, written: 5, queueFull: 0, unwritten: 0 });
  await gateway.stop();

  const {
    headers: [header],
    lines,
  } = await captured(directory);
  expect(header).toMatchObject({ format: "plimsoll.trace/1", block_size: 64, order: "arrival", requests: 5 });
  expect(lines.map(({ outcome }) => outcome)).toEqual(["ok", "ok", "ok", "failed", "cancelled"]);
  expect(lines.slice(0, 3).map(({ output_length }) => output_length)).toEqual([4, 2, 7]);
  expect(lines.slice(0, 3).map(({ estimated }) => estimated)).toEqual([undefined, undefined, undefined]);
  expect(lines.slice(0, 3).map(({ input_length }) => input_length)).toEqual(
    engine.bodies.slice(0, 3).map(({ messages }) => promptTokens(messages)),
  );
  expect(lines[0].session).toMatch(/^[0-9a-f]{16}$/);
  expect(lines.map(({ session }) => session)).toEqual([
    lines[0].session,
    lines[0].session,
    undefined,
    undefined,
    undefined,
  ]);
  expect(lines.map(({ tenant }) => tenant !== undefined)).toEqual([true, true, false, false, false]);
  expect(lines.map(({ timestamp_ms }) => timestamp_ms)).toEqual(
    lines.map(({ timestamp_ms }) => timestamp_ms).toSorted((a, b) => a - b),
  );
  const text = JSON.stringify(lines);
  for (const secret of ["alice", "acme", "short sentences", "hello"]) expect(text).not.toContain(secret);
  // What begins alike has the same ids: the conversation as far as its first turn goes, the other as far as the system.
  const [one, two, other] = lines.map(({ hash_ids = [] }) => hash_ids);
  expect(two.slice(0, one.length)).toEqual(one);
  expect(other.slice(0, 3)).toEqual(one.slice(0, 3));
  expect(other).toHaveLength(3);
  expect(one.length).toBeGreaterThan(4);
});

test("a reload switches it on, over and off, and nothing is lost but what is under way", async () => {
  const directory = folder.path("two");
  const gateway = await startGateway(configuration(null));
  const { url } = gateway;
  const one = () => ask(url, { messages: [user("hi")], tokens: 1 });
  await one();
  await gateway.reload(configuration(directory));
  await one();
  await gateway.reload(configuration(directory));
  await one();
  await gateway.reload(configuration(directory, ", text: true, names: true"));
  await ask(url, { messages: [user("in the clear")], headers: { "x-session-id": "alice" } });
  await gateway.reload(configuration(null));
  await one();
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain("plimsoll_capture_on 0\n");
  await gateway.stop();
  const { headers, lines } = await captured(directory);
  expect(headers.map(({ requests }) => requests)).toEqual([2, 1]);
  expect(lines.map(({ body }) => body?.messages[0].content)).toEqual([undefined, undefined, "in the clear"]);
  expect(lines[2].session).toBe("alice");
});

test("the salt of a variable makes the same ids in every run; without one no two runs have the same", async () => {
  const run = async (name: string, environment: Record<string, string>, more: string) => {
    const gateway = await startGateway(configuration(folder.path(name), more), environment);
    await ask(gateway.url, { messages: [SYSTEM, user("a")], stream: false });
    await gateway.stop();
    return (await captured(folder.path(name))).lines[0].hash_ids;
  };
  const salted = (name: string, salt: string) =>
    run(name, { TRACE_SALT: salt.repeat(16) }, ", saltEnv: TRACE_SALT");
  const [a, again, other] = [await salted("a", "x"), await salted("again", "x"), await salted("other", "y")];
  const [random, more] = [await run("random", {}, ""), await run("more", {}, "")];
  expect(again).toEqual(a);
  const all = [a, other, random, more].flatMap((ids) => ids ?? []);
  expect(new Set(all).size).toBe(4 * (a ?? []).length);
});

test("what was captured is replayed: the same times, lengths, beginnings and turns", async () => {
  const directory = folder.path("live");
  const gateway = await startGateway(configuration(directory));
  const alice = [SYSTEM, user("hello there ".repeat(40))];
  const bob = [SYSTEM, user("good evening ".repeat(50))];
  const headers = (session: string) => ({ "x-session-id": session });
  await Promise.all([
    ask(gateway.url, { messages: alice, headers: headers("alice"), tokens: 5 }),
    ask(gateway.url, { messages: bob, headers: headers("bob"), tokens: 6, stream: false }),
  ]);
  const more = [...alice, assistant("word ".repeat(5)), user("and more of it")];
  await ask(gateway.url, { messages: more, headers: headers("alice"), tokens: 7 });
  await ask(gateway.url, { messages: [user("break")] }).catch(() => {});
  await gateway.stop();
  const [name] = await readdir(directory);
  const { lines } = await captured(directory);

  const trace = folder.path("live/trace.jsonl");
  const merged = JSON.parse(
    await runHere("replay", "merge", directory, "--outcomes", "ok", "--out", trace, "--json"),
  ) as object;
  expect(merged).toMatchObject({ files: 1, requests: 3, leftOut: 1, broken: 0, dropped: 0, salts: 1 });
  for (const path of [folder.path(`live/${name}`), trace]) {
    const opened = await openTrace(path, {}, 1);
    const requests = await Array.fromAsync(opened.requests);
    expect(opened.reading()).toMatchObject({ format: "plimsoll", broken: 0 });
    const kept = path === trace ? lines.filter(({ outcome }) => outcome === "ok") : lines;
    const [{ timestamp_ms: startMs }] = kept;
    expect(requests.map(({ arrivalMs }) => arrivalMs)).toEqual(
      kept.map(({ timestamp_ms }) => expect.closeTo(timestamp_ms - startMs, 6) as number),
    );
    expect(requests.map(({ inputTokens }) => inputTokens)).toEqual(
      kept.map(({ input_length }) => input_length),
    );
    expect(requests.map(({ outputTokens }) => outputTokens)).toEqual(
      kept.map(({ output_length }) => output_length),
    );
    expect(requests.map(({ prefixBlocks, blockTokens }) => [prefixBlocks, blockTokens])).toEqual(
      kept.map(({ hash_ids }) => [hash_ids, hash_ids === undefined ? undefined : 64]),
    );
    expect(requests.map(({ session }) => session)).toEqual(kept.map(({ session }) => session));
    const turns = Map.groupBy(requests, ({ session }) => session);
    expect(turns.get(lines[2].session)?.map(({ turn, outputTokens }) => [turn, outputTokens])).toEqual([
      [1, 5],
      [2, 7],
    ]);
  }

  const before = engine.bodies.length;
  const out = folder.path("out");
  await runHere("replay", "--trace", trace, "--url", engine.url.href, "--out", out, "--json");
  const replayed = engine.bodies.slice(before);
  expect(new Set(replayed.map(({ max_tokens }) => max_tokens))).toEqual(new Set([5, 6, 7]));
  expect(replayed).toHaveLength(3);
  const promptOf = (tokens: number) =>
    replayed.find(({ max_tokens }) => max_tokens === tokens)?.messages.at(-1)?.content ?? "";
  const shared = (one: string, other: string) => {
    const [a, b] = [one.split(" "), other.split(" ")];
    const end = a.findIndex((word, i) => word !== b[i]);
    return end < 0 ? a.length : end;
  };
  const blocks = lines.filter(({ outcome }) => outcome === "ok").map(({ hash_ids = [] }) => hash_ids);
  const common = (one: readonly number[], other: readonly number[]) =>
    one.filter((id, i) => id === other[i]).length;
  const [first, second, third] = lines.filter(({ outcome }) => outcome === "ok");
  const pairs = [
    [first, third],
    [second, third],
    [first, second],
  ] as const;
  for (const [one, other] of pairs) {
    const tokens = 64 * common(one.hash_ids ?? [], other.hash_ids ?? []);
    expect(tokens).toBeGreaterThan(0);
    const words = shared(promptOf(one.output_length), promptOf(other.output_length));
    expect(words).toBeGreaterThanOrEqual(tokens);
    expect(words).toBeLessThan(tokens + 16);
  }
  expect(blocks).toHaveLength(3);
});
