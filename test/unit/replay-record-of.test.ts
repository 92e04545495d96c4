import { describe, expect, it } from "vitest";
import { StreamedAnswer } from "../../src/replay/answer/streamed-answer.ts";
import type { Exchanged } from "../../src/replay/exchange.ts";
import { recordOf } from "../../src/replay/record-of.ts";
import { tpotMs } from "../../src/replay/request-record.ts";
import { replayRecord } from "../replay-record.ts";

/** When the replay began, by the clock of the exchange. */
const BEGAN = 1000;
const scheduled = {
  index: 3,
  startMs: 200,
  request: { arrivalMs: 200, inputTokens: 9, outputTokens: 4 },
};

const sse = (frame: unknown): Buffer => Buffer.from(`data: ${JSON.stringify(frame)}\n\n`);
const text = (content: string) => sse({ choices: [{ delta: { content } }] });

/** A record of an answer whose parts came at these times after the replay began. */
function recorded(parts: readonly (readonly [ms: number, part: Buffer])[], changes: Partial<Exchanged> = {}) {
  const answer = new StreamedAnswer(() => {});
  for (const [ms, part] of parts) answer.push(part, BEGAN + ms);
  answer.end();
  const exchanged: Exchanged = {
    sentAt: BEGAN + 230,
    headersAt: BEGAN + 240,
    endedAt: BEGAN + 900,
    attempts: 1,
    status: 200,
    facts: null,
    answer,
    failure: answer.failure,
    errorText: null,
    ...changes,
  };
  const seen = recordOf(scheduled, "chat", "id", exchanged, (at) => at - BEGAN);
  return replayRecord(seen);
}

const FACTS = {
  json: false,
  shard: null,
  epoch: null,
  requestId: "id",
  retryAfterMs: null,
  location: null,
  encoding: null,
};
const DONE = Buffer.from("data: [DONE]\n\n");
const finish = sse({ choices: [{ delta: {}, finish_reason: "stop" }] });
const usage = sse({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } });

describe("a request's record", () => {
  it("ends at the last token, however late the rest comes", () => {
    const record = recorded([
      [300, text("a b")],
      [340, text("c")],
      [360, text("d")],
      [700, finish],
      [800, usage],
      [900, DONE],
    ]);
    expect(record).toMatchObject({
      scheduledMs: 200,
      sentMs: 230,
      headersMs: 240,
      firstTokenMs: 300,
      lastTokenMs: 360,
      endedMs: 900,
      ttftMs: 100,
      e2eMs: 160,
      itlMs: [40, 20],
      outputTokens: 4,
      failure: null,
    });
    expect(tpotMs(record)).toBe(20);
  });

  it("ends with its last part where it has no tokens, and at its end where it failed", () => {
    const empty = sse({ choices: [], usage: { completion_tokens: 1 } });
    const parts = [
      [600, finish],
      [650, empty],
      [900, DONE],
    ] as const;
    expect(recorded(parts)).toMatchObject({ failure: null, ttftMs: null, e2eMs: 450 });
    expect(recorded(parts, { failure: "ECONNRESET" })).toMatchObject({ e2eMs: 700 });
  });

  it("names the shard that answered last", () => {
    const facts = { ...FACTS, shard: "a", epoch: 7 };
    expect(recorded([[300, text("a")]], { facts })).toMatchObject({
      shard: "a",
      epoch: 7,
      serverRequestId: null,
    });
    const comment = Buffer.from(": x-plimsoll-shard: b/2\n\n");
    expect(recorded([[300, comment]], { facts }).shard).toBe("b/2");
  });

  it("has the server's own name for it, of its headers or of the answer", () => {
    const answer = (name: string) => [[300, sse({ id: name, choices: [] })]] as const;
    const names = [
      recorded(answer("chatcmpl-7"), { facts: FACTS }),
      recorded(answer("chatcmpl-7"), { facts: { ...FACTS, requestId: "theirs" } }),
      recorded(answer("chatcmpl-id"), { facts: FACTS }),
    ];
    expect(names.map(({ serverRequestId }) => serverRequestId)).toEqual(["chatcmpl-7", "theirs", null]);
  });

  it("believes the trace where the server counts a prompt of nothing", () => {
    const none = sse({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 1 } });
    expect(recorded([[300, none]])).toMatchObject({ inputTokens: 9, outputTokens: 1 });
  });

  it("believes the trace where the server says nothing", () => {
    const unknown = recorded([], { answer: null, status: null, sentAt: null, headersAt: null, failure: "x" });
    expect(unknown).toMatchObject({
      inputTokens: 9,
      askedTokens: 4,
      outputTokens: 0,
      tokensFrom: "frames",
      sentMs: null,
      e2eMs: 700,
    });
  });
});
