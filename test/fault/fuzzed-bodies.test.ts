import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chatPool } from "../../harness/fakes/start-gateway.ts";
import { wireAnswer } from "../../harness/fakes/wire-engine.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { type FuzzedBody, REMOVED, fuzzedBody, isBrokenAtTop, parsedJson } from "../fuzzed-body.ts";
import { FuzzedPair, pairOf } from "../fuzzed-pair.ts";
import type { WireAnswer, WireRequest } from "../../harness/fakes/wire-messages.ts";

/** So many are under way at once. */
const TOGETHER = 16;
const PREFILLED = { remote_host: "10.0.0.1", remote_port: 1 };
const TO_BE_DECODED = {
  do_remote_decode: true,
  do_remote_prefill: false,
  remote_engine_id: null,
  remote_block_ids: null,
  remote_host: null,
  remote_port: null,
};
const RANKS = ["routed_dp_rank", "data_parallel_rank"];

type Json = Record<string, unknown>;

/** What may come of a body: the statuses, and reasons of a 400. */
function expectFate(asked: FuzzedBody, answer: WireAnswer | null): void {
  expect(answer).toMatchObject({ whole: true, status: expect.any(Number) as number });
  const { status, body } = answer as WireAnswer;
  expect([200, 400, 404]).toContain(status);
  if (status !== 200) expect(JSON.parse(body)).toHaveProperty("error.reason");
  const parsed = parsedJson(asked.body);
  if (parsed === undefined) {
    if (isBrokenAtTop(asked.body)) expect(status).toBe(400);
    return;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return expect(status).toBe(400);
  const { model = null, ...rest } = parsed as Json;
  // Of a field named twice the first, too, must be one that may stand there.
  if (status === 400 && /`model` (must be|is longer)/.test(body)) return;
  if (model !== null && typeof model !== "string") return expect(status).toBe(400);
  // What follows a colon names an adapter to SGLang, or nothing.
  if (model?.startsWith("small:") === true) return;
  if (model !== null && model !== "" && model !== "small") return expect(status).toBeGreaterThanOrEqual(400);
  const asksForRank = RANKS.some((name) => name in rest);
  const asksForSeveral = "n" in rest || "sampling_params" in rest;
  if (!asksForRank && !asksForSeveral) expect([status, body]).toEqual([200, expect.anything()]);
}

/** The fields of pairs and ranks that an engine reads in a body. */
function told({ body }: WireRequest): Json {
  const parsed = (parsedJson(body) ?? {}) as Json;
  return Object.fromEntries(REMOVED.filter((name) => name in parsed).map((name) => [name, parsed[name]]));
}

interface Case {
  readonly name: string;
  readonly pool: (prefill: string, decode: string) => string;
  readonly expectPrefill: (request: WireRequest) => void;
  readonly expectDecode: (request: WireRequest) => void;
}

function expectMeeting(request: WireRequest): void {
  const { bootstrap_room: room, ...others } = told(request);
  if (parsedJson(request.body) === undefined) return;
  expect(others).toEqual({ bootstrap_host: "127.0.0.1", bootstrap_port: 8998 });
  expect(room).toSatisfy((value) => Number.isSafeInteger(value) && value >= 0 && value < 2 ** 31);
}

const cases: Case[] = [
  {
    name: "a plain pool",
    pool: (_, decode) => chatPool(decode),
    expectPrefill: () => expect.unreachable(),
    expectDecode: (request) => expect(told(request)).toEqual({}),
  },
  {
    name: "a pair of vLLM servers",
    pool: pairOf("vllm"),
    expectPrefill: (request) => {
      if (parsedJson(request.body) !== undefined)
        expect(told(request)).toEqual({ kv_transfer_params: TO_BE_DECODED });
    },
    expectDecode: (request) => {
      const { kv_transfer_params: parameters = PREFILLED, ...others } = told(request);
      expect([parameters, others]).toEqual([PREFILLED, {}]);
    },
  },
  {
    name: "a pair of SGLang servers",
    pool: pairOf("sglang"),
    expectPrefill: expectMeeting,
    expectDecode: (request) =>
      request.target === "/v1/embeddings" ? expect(told(request)).toEqual({}) : expectMeeting(request),
  },
];

describe.each(cases)("$name", ({ pool, expectPrefill, expectDecode }) => {
  const pair = new FuzzedPair({
    settings: "health: { probe: { timeoutMs: 60000, lateMs: 60000 } }",
    pool,
    prefill: (_, socket) => socket.write(wireAnswer(JSON.stringify({ kv_transfer_params: PREFILLED }))),
    together: TOGETHER,
  });

  test(
    "each body has one answer, harms nothing, and tells engines nothing of pairs and ranks",
    async () => {
      const { prefill, decode, clients } = pair;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fuzzedBody, { minLength: 1, maxLength: TOGETHER, size: "max" }),
          async (bodies) => {
            prefill.clear();
            decode.clear();
            const answers = await Promise.all(bodies.map((body, i) => clients[i].ask(requestOf(body))));
            for (const [i, answer] of answers.entries())
              telling([bodies[i], answer], () => expectFate(bodies[i], answer));
            for (const request of prefill.requests) expectPrefill(request);
            // Which server has a previous response is asked for by itself.
            const decodes = decode.requests.filter(({ method }) => method === "POST");
            for (const request of decodes) expectDecode(request);
            const sent = answers.filter((answer) => answer?.status === 200).length;
            expect(decodes.length).toBe(sent);
            pair.expectSound();
          },
        ),
        { seed: 41, endOnFailure: true, numRuns: Math.ceil(runs(640) / (TOGETHER / 2)) },
      );
      await pair.expectIdle();
    },
    RUNS_TIMEOUT_MS,
  );
});

function requestOf({ path, body }: FuzzedBody): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    "latin1",
  );
}
