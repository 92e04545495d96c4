import type { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type RunningGateway, chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { WireClient } from "../../harness/fakes/wire-client.ts";
import { type WireEngine, wireEngine } from "../../harness/fakes/wire-engine.ts";
import type { WireAnswer, WireRequest } from "../../harness/fakes/wire-messages.ts";
import { runs } from "../runs.ts";

/** So many are under way at once. */
const TOGETHER = 16;
const TEXT = "é Ж 世界 🌍👩‍👩‍👧 e\u0301 \u202e\ufeff";
/** Whole frames, with every end of line there is; bytes as characters. */
const STREAM = latin1(
  `\ufeffdata: {"choices":[{"delta":{"content":"${TEXT}"}}]}\n\n: 世\n\nevent: x\r\ndata: ${TEXT}\r\n\r\ndata: a\rdata: ${TEXT}\r\rdata: [DONE]\n\n`,
);
const JSON_BODY = latin1(JSON.stringify({ choices: [{ message: { content: TEXT } }] }));
const EVENTS = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

let engine: WireEngine;
let gateway: RunningGateway;
let clients: WireClient[];
/** What the engine writes to each request, piece by piece; a null at the end breaks it off. */
const scripts = new Map<string, readonly (string | null)[]>();
let id = 0;

beforeAll(async () => {
  engine = await wireEngine((request, socket) => void play(request, socket));
  gateway = await startGateway(chatPool(engine.url));
  clients = Array.from({ length: TOGETHER }, () => new WireClient(gateway.url));
});
beforeEach(() => engine.clear());
afterAll(async () => {
  for (const client of clients) client.close();
  await gateway.stop();
  await engine[Symbol.asyncDispose]();
});

function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

async function play({ headers }: WireRequest, socket: Socket): Promise<void> {
  for (const piece of scripts.get(headers.get("x-request-id")?.[0] ?? "") ?? []) {
    if (piece === null) return void socket.destroy();
    socket.write(piece, "latin1");
    await nextTurn();
  }
}

function pieces(bytes: string, cuts: readonly number[]): string[] {
  const at = [0, ...cuts.map((cut) => cut % bytes.length).toSorted((a, b) => a - b), bytes.length];
  return at
    .slice(1)
    .map((end, i) => bytes.slice(at[i], end))
    .filter((piece) => piece !== "");
}

function chunk(bytes: string): string {
  return `${bytes.length.toString(16)}\r\n${bytes}\r\n`;
}

function requestOf(body: string, headers: readonly string[]): Buffer {
  const head = ["POST /v1/chat/completions HTTP/1.1", "host: x", ...headers].join("\r\n");
  return Buffer.from(`${head}\r\n\r\n${body}`, "latin1");
}

/** Lets the engine answer once for each script, and hands each answer on. */
async function answersTo(
  all: readonly (readonly (string | null)[])[],
  check: (answer: WireAnswer | null, nth: number) => void,
): Promise<void> {
  let next = 0;
  const serve = async (client: WireClient): Promise<void> => {
    while (next < all.length) {
      const nth = next++;
      scripts.set(`r${++id}`, all[nth]);
      const body = '{"model":"small","stream":true}';
      check(
        await client.ask(requestOf(body, [`x-request-id: r${id}`, `content-length: ${body.length}`])),
        nth,
      );
    }
  };
  await Promise.all(clients.map(serve));
  expect(gateway.faults).toEqual([]);
}

const everywhere = (length: number): number[] => Array.from({ length: length - 1 }, (_, i) => i + 1);

test("a stream cut into two chunks at any byte arrives as it was sent", () => {
  const all = everywhere(STREAM.length).map((cut) => [
    EVENTS,
    ...pieces(STREAM, [cut]).map(chunk),
    "0\r\n\r\n",
  ]);
  return answersTo(all, (answer, nth) => expect([nth, answer?.body]).toEqual([nth, STREAM]));
});

test("a stream whose bytes come in two pieces, cut at any byte, arrives as it was sent", () => {
  const wire = EVENTS + chunk(STREAM.slice(0, 100)) + chunk(STREAM.slice(100)) + "0\r\n\r\n";
  const all = everywhere(wire.length).map((cut) => pieces(wire, [cut]));
  return answersTo(all, (answer, nth) => expect([nth, answer?.body]).toEqual([nth, STREAM]));
});

test("an answer of JSON that comes in two pieces, cut at any byte, arrives as it was sent", () => {
  const wire = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${JSON_BODY.length}\r\n\r\n${JSON_BODY}`;
  const all = everywhere(wire.length).map((cut) => pieces(wire, [cut]));
  return answersTo(all, (answer, nth) => expect([nth, answer?.body]).toEqual([nth, JSON_BODY]));
});

test("a stream in any chunks and any pieces arrives as it was sent", async () => {
  const cuts = fc.array(fc.nat(5000), { maxLength: 40, size: "max" });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cuts, cuts), { minLength: 1, maxLength: TOGETHER }), async (all) => {
      const scripted = all.map(([chunks, bytes]) =>
        pieces(`${EVENTS}${pieces(STREAM, chunks).map(chunk).join("")}0\r\n\r\n`, bytes),
      );
      await answersTo(scripted, (answer) => expect(answer?.body).toBe(STREAM));
    }),
    { seed: 44, numRuns: runs(25) },
  );
});

test("a stream that breaks off at any byte ends after a whole frame with an error event", () => {
  const all = everywhere(STREAM.length).map((cut) => [EVENTS, chunk(STREAM.slice(0, cut)), null]);
  return answersTo(all, (answer, nth) => {
    expect(answer).toMatchObject({ status: 200, whole: true });
    const body = answer?.body ?? "";
    const errorAt = body.lastIndexOf('data: {"error"');
    expect(JSON.parse(body.slice(errorAt + 6))).toMatchObject({ error: { code: "engine_failed" } });
    const before = body.slice(0, errorAt);
    expect(STREAM.slice(0, all[nth][1]?.length).startsWith(before)).toBe(true);
    expect(before).toMatch(/^$|(?:\n\n|\r\n\r\n|\r\r)$/);
  });
});

const ASKED = latin1(JSON.stringify({ model: "small", messages: [{ role: "user", content: TEXT }] }));

test.each([
  ["with its length", requestOf(ASKED, [`content-length: ${ASKED.length}`])],
  [
    "in chunks",
    requestOf(`${chunk(ASKED.slice(0, 70))}${chunk(ASKED.slice(70))}0\r\n\r\n`, [
      "transfer-encoding: chunked",
    ]),
  ],
])(
  "a request %s that comes in two pieces, cut at any byte, reaches the engine as it was sent",
  async (_, wire) => {
    const answered = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const text = wire.toString("latin1");
    const named = (nth: number) =>
      Buffer.from(text.replace("\r\nhost: x", `\r\nhost: x\r\nx-request-id: c${nth}`), "latin1");
    const cuts = everywhere(named(100).length);
    let next = 0;
    await Promise.all(
      clients.map(async (client) => {
        while (next < cuts.length) {
          const cut = cuts[next++];
          scripts.set(`c${cut}`, [answered]);
          const bytes = named(cut);
          const answer = await client.ask(bytes.subarray(0, cut), bytes.subarray(cut));
          expect([cut, answer?.status]).toEqual([cut, 200]);
        }
      }),
    );
    expect(engine.requests.filter(({ body }) => body !== ASKED)).toEqual([]);
    expect([engine.requests.length, engine.faults]).toEqual([cuts.length, []]);
  },
);
