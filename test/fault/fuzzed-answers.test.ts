import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { changed, changes } from "../changed-bytes.ts";
import { wireAnswer } from "../../harness/fakes/wire-engine.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { FuzzedPair, pairOf } from "../fuzzed-pair.ts";
import type { WireAnswer, WireRequest } from "../../harness/fakes/wire-messages.ts";

/** So many are under way at once. */
const TOGETHER = 24;
const PREFILLED = '{"kv_transfer_params":{"remote_host":"10.0.0.1","remote_block_ids":[[7]]},"choices":[]}';
const FRAMES =
  'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n: ping\n\n' +
  'data: {"choices":[{"delta":{"content":"Grüße 世界 🌍"}}]}\r\n\r\ndata: {"x":1}\r\rdata: [DONE]\n\n';

interface Answer {
  /** What is written, piece by piece. */
  readonly pieces: readonly string[];
  readonly last: "end" | "reset" | "nothing";
}

const OK = "HTTP/1.1 200 OK\r\n";
const EVENTS = `${OK}content-type: text/event-stream\r\n`;
const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
const chunk = (bytes: string): string => `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
const chunked = (...bodies: readonly string[]): string =>
  `transfer-encoding: chunked\r\n\r\n${bodies.map(chunk).join("")}0\r\n\r\n`;
const sized = (body: string): string => `content-length: ${body.length}\r\n\r\n${body}`;
const frames = latin1(FRAMES);
const sound: readonly string[] = [
  `${OK}content-type: application/json\r\n${sized(PREFILLED)}`,
  `${OK}content-type: application/json\r\n${chunked(PREFILLED.slice(0, 30), PREFILLED.slice(30))}`,
  `${OK}connection: close\r\n\r\n${PREFILLED}`,
  EVENTS + chunked(frames),
  EVENTS + chunked(...(frames.match(/[^]{1,9}/g) as string[])),
  EVENTS + sized(frames),
  `${EVENTS}connection: close\r\n\r\n${frames}`,
  `HTTP/1.1 400 Bad Request\r\n${sized('{"error":{"message":"no"}}')}`,
  `HTTP/1.1 429 Slow Down\r\nretry-after: 1\r\n${sized("{}")}`,
  `HTTP/1.1 500 Oh\r\n${sized("<html>")}`,
  `HTTP/1.1 503 Busy\r\n${sized("")}`,
  `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK}${sized("{}")}`,
  "HTTP/1.1 204 No Content\r\n\r\n",
  `HTTP/1.1 304 Not Modified\r\n${sized("")}`,
];
const TOKENS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  ":",
  "0",
  "-",
  "HTTP/1.1 200 OK\r\n",
  "HTTP/1.1 999 \r\n",
  "HTTP/1.0 200\r\n",
  "100",
  "101",
  "204",
  "304",
  "600",
  "transfer-encoding: gzip\r\n",
  "transfer-encoding: chunked\r\n",
  "content-length: 3\r\n",
  "content-encoding: gzip\r\n",
  "connection: upgrade\r\nupgrade: x\r\n",
  "connection: close\r\n",
  "trailer: x\r\n",
  "x-request-id: evil\r\n",
  "content-type: text/event-stream\r\n",
  ": comment\n\n",
  "data: x\n\n",
  "\xef\xbb\xbf",
  "\xff",
  "ffffffffffffffff\r\n",
];
const answer: fc.Arbitrary<Answer> = fc
  .tuple(
    fc.constantFrom(...sound),
    changes(3, TOKENS),
    fc.array(fc.nat(2000), { maxLength: 3 }),
    fc.oneof(
      { weight: 20, arbitrary: fc.constant("end" as const) },
      fc.constantFrom("reset" as const, "nothing" as const),
    ),
  )
  .map(([whole, edits, cuts, last]): Answer => {
    const bytes = changed(Buffer.from(whole, "latin1"), edits).toString("latin1");
    const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
    return { pieces: at.slice(1).map((end, i) => bytes.slice(at[i], end)), last };
  });

async function write(socket: Socket, { pieces, last }: Answer): Promise<void> {
  for (const piece of pieces) {
    if (piece !== "") socket.write(piece, "latin1");
    await nextTurn();
  }
  if (last === "end") socket.end();
  else if (last === "reset") socket.resetAndDestroy();
}

interface Case {
  readonly name: string;
  readonly fuzzed: "prefill" | "decode";
  readonly pool: (prefill: string, decode: string) => string;
}

const cases: Case[] = [
  {
    name: "a plain engine",
    fuzzed: "decode",
    pool: (_, decode) => `pools: [{ name: chat, kind: vllm, models: [small], urls: [${decode}] }]`,
  },
  { name: "a vLLM server that prefills", fuzzed: "prefill", pool: pairOf("vllm") },
  { name: "an SGLang server that prefills", fuzzed: "prefill", pool: pairOf("sglang") },
  { name: "an SGLang server that decodes", fuzzed: "decode", pool: pairOf("sglang") },
];

/** One answer at all times, so that no shard is left alone for what it is told to do. */
const SETTINGS = `
upstream: { firstTokenTimeoutMs: 200, idleTimeoutMs: 200 }
retry: { maxAttempts: 1 }
health:
  probe: { timeoutMs: 60000, lateMs: 60000 }
  circuit: { consecutiveFailures: 1000000000, minRequests: 1000000000 }
  outlier: { minRequests: 1000000000 }
`;

describe.each(cases)("$name", ({ fuzzed, pool }) => {
  const answers = new Map<string, Answer>();
  const script = ({ headers }: WireRequest, socket: Socket) =>
    void write(socket, answers.get(headers.get("x-request-id")?.[0] ?? "") as Answer);
  const whole = (_: WireRequest, socket: Socket) => socket.write(wireAnswer(PREFILLED));
  const pair = new FuzzedPair({
    settings: SETTINGS,
    pool,
    prefill: fuzzed === "prefill" ? script : whole,
    decode: fuzzed === "decode" ? script : whole,
    together: TOGETHER,
  });

  test(
    "whatever an engine answers, the client gets a whole answer or one that breaks off, and nothing is left",
    async () => {
      const [served] = pair.gateway.app.gateway().pools;
      const blamed = vi.spyOn(served.health, "failed");
      const blamedPrefill = served.prefill === null ? null : vi.spyOn(served.prefill.health, "failed");
      let id = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(answer, { minLength: 1, maxLength: TOGETHER, size: "max" }),
          async (all) => {
            blamed.mockClear();
            blamedPrefill?.mockClear();
            const got = await Promise.all(
              all.map((each, i) => {
                answers.set(`r${++id}`, each);
                return pair.clients[i].ask(requestOf(`r${id}`, i % 2 === 0));
              }),
            );
            for (const [i, each] of got.entries()) telling([all[i], each], () => expectSound(each));
            const faults = got.filter(isOfEngine).length;
            const blames = blamed.mock.calls.length + (blamedPrefill?.mock.calls.length ?? 0);
            pair.expectSound();
            telling(got, () => expect(blames).toBe(faults));
          },
        ),
        { seed: 43, endOnFailure: true, numRuns: Math.ceil(runs(240) / (TOGETHER / 2)) },
      );
      await pair.expectIdle();
    },
    RUNS_TIMEOUT_MS,
  );
});

/** A whole answer, or nothing more than what an answer that breaks off may have. */
function expectSound(got: WireAnswer | null): void {
  if (got?.whole !== true) return;
  const { headers, status, body } = got;
  expect(headers.get("x-request-id")).toHaveLength(1);
  expect(headers.get("x-request-id")).not.toContain("evil");
  if (headers.get("content-type")?.[0].startsWith("application/json; charset") === true && status >= 500)
    expect(JSON.parse(body)).toHaveProperty("error.reason");
  expect(body).not.toContain('"internal"');
}

/** What tells the client that the engine failed. */
function isOfEngine(got: WireAnswer | null): boolean {
  // A prefill that has no time is no failed one.
  if (got?.body.includes("answered the prefill with 429") === true) return false;
  if (got === null || !got.whole || got.status >= 500) return true;
  return /"code":"engine_(?:failed|timeout)"[^\n]*\}\n\n$/.test(got.body);
}

function requestOf(id: string, stream: boolean): Buffer {
  const body = JSON.stringify({ model: "small", stream, messages: [{ role: "user", content: "x" }] });
  return Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-request-id: ${id}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}
