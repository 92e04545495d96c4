import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CapturedRequest } from "../../src/serving/capture/captured-request.ts";
import type { CaptureSettings } from "../../src/serving/capture/capture.ts";
import { RoutedSample } from "../../src/serving/capture/routed-sample.ts";
import { FlightCase, HeardClient } from "../flight-case.ts";

describe("some tokens with their experts", () => {
  const part = (from: number, tokens: number) => ({
    tokens,
    layers: 2,
    topk: 1,
    experts: Int16Array.from({ length: tokens * 2 }, (_, i) => from + Math.floor(i / 2)),
  });

  test.each([
    [8, [3, 3], [0, 1, 2, 3, 4, 5]],
    [4, [9], [0, 4, 8]],
    [4, [1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 4, 8]],
    [3, [5, 2], [0, 4]],
    [1, [2, 5], [0]],
  ])("%d at most of %j are spread evenly", (most, parts, kept) => {
    const sample = new RoutedSample(most);
    let from = 0;
    for (const tokens of parts) {
      sample.add(part(from, tokens));
      from += tokens;
    }
    expect(sample.trace).toEqual({
      tokens: kept.length,
      layers: 2,
      topk: 1,
      experts: Int16Array.from(kept.flatMap((token) => [token, token])),
    });
  });

  test("without any there is none, and those of another shape are ignored", () => {
    const sample = new RoutedSample(4);
    expect(sample.trace).toBeNull();
    sample.add(part(0, 1));
    sample.add({ ...part(1, 2), layers: 1, topk: 2 });
    expect(sample.trace?.tokens).toBe(1);
  });
});

describe("flights", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const ALL: CaptureSettings = { sample: 1, routedTokens: 0, text: false };

  function recorded(settings: Partial<CaptureSettings> = {}) {
    const flights = new FlightCase({ maxInFlight: 1 });
    const requests: CapturedRequest[] = [];
    flights.capture.update({ ...ALL, ...settings }, { offer: (request) => requests.push(request) });
    return { flights, requests };
  }

  test("an answer with the engine's counts", () => {
    const { flights, requests } = recorded();
    flights.clock.ms += 5;
    flights.fly(new HeardClient(), "{}", { tenant: "acme", session: "s", priority: 3, maxTokens: 9 });
    flights.clock.ms += 20;
    flights.sent[0].answer(200, '{"usage":{"prompt_tokens":70,"completion_tokens":8}}');
    expect(requests).toEqual([
      {
        arrivalMs: 5,
        firstFrameMs: null,
        durationMs: 20,
        outcome: "ok",
        route: "/v1/chat/completions",
        model: "m",
        tenant: "acme",
        session: "s",
        priority: 3,
        inputTokens: { tokens: 70, estimated: false },
        outputTokens: { tokens: 8, estimated: false },
        cachedTokens: null,
        maxTokens: 9,
        prefix: new Uint32Array(0),
        routed: null,
        body: null,
      },
    ]);
  });

  test("a stream's frames are estimated tokens, and the first one's time is kept", () => {
    const { flights, requests } = recorded();
    const flight = flights.fly();
    flights.clock.ms += 30;
    flights.sent[0].headers();
    flight.timing.contentFrames(2);
    flights.clock.ms += 10;
    flight.timing.contentFrames(1);
    flights.sent[0].data("data: [DONE]\n\n");
    flights.sent[0].end();
    // The last frame says that it is whole, and nothing else.
    expect(requests).toMatchObject([
      { firstFrameMs: 30, durationMs: 40, outputTokens: { tokens: 2, estimated: true }, outcome: "ok" },
    ]);
    expect(requests[0].inputTokens).toEqual({ tokens: 10, estimated: true });
  });

  test("what fails, is refused or is left is recorded as that, each once", () => {
    const { flights, requests } = recorded();
    flights.fly();
    // There is room for one: the other waits, as long as it may.
    flights.fly();
    flights.clock.ms += 2000;
    vi.advanceTimersByTime(2000);
    flights.sent[0].answer(400, '{"error":"no"}');
    const left = flights.fly();
    flights.sent[1].headers();
    flights.sent[1].data();
    left.cancel();
    left.cancel();
    flights.fly();
    flights.sent[2].headers();
    flights.sent[2].data("data: {}\n\n");
    flights.sent[2].fail();
    expect(requests.map(({ outcome }) => outcome)).toEqual([
      "refused",
      "client_error",
      "cancelled",
      "failed",
    ]);
    expect(requests.map(({ outputTokens }) => outputTokens)).toEqual(
      Array.from({ length: 4 }, () => ({ tokens: 0, estimated: false })),
    );
    expect(flights.faults).toEqual([]);
  });

  test("no more tokens are estimated than were asked for", () => {
    const { flights, requests } = recorded();
    for (const maxTokens of [4, null]) {
      flights.fly(new HeardClient(), "{}", { maxTokens });
      flights.sent.at(-1)?.answer(200, "x".repeat(400));
    }
    expect(requests.map(({ outputTokens }) => outputTokens.tokens)).toEqual([4, 100]);
  });

  test("bodies only where text is recorded, and as they were sent", () => {
    const { flights, requests } = recorded({ text: true });
    const body = Buffer.from('{"prompt":"a secret"}');
    flights.fly(new HeardClient(), "{}", { body });
    body.fill(0);
    flights.sent[0].answer();
    expect(Buffer.from(requests[0].body ?? []).toString()).toBe('{"prompt":"a secret"}');
  });

  test("experts of so many tokens at most", () => {
    const { flights, requests } = recorded({ routedTokens: 2 });
    flights.fly();
    const experts = Int16Array.from([4, 5, 6]);
    flights.sent[0].sink.routed?.({ tokens: 3, layers: 1, topk: 1, experts });
    flights.sent[0].answer();
    expect(requests[0].routed).toEqual({ tokens: 2, layers: 1, topk: 1, experts: Int16Array.from([4, 6]) });
  });

  test("conversations are in the sample whole or not at all; other requests one by one", () => {
    const { flights, requests } = recorded({ sample: 0.25 });
    const fly = (session: string | null) => {
      flights.fly(new HeardClient(), "{}", { session });
      flights.sent.at(-1)?.answer();
    };
    for (let turn = 0; turn < 3; turn++) for (let one = 0; one < 200; one++) fly(`s${one}`);
    const turns = Map.groupBy(requests, ({ session }) => session);
    expect(new Set(Array.from(turns.values(), ({ length }) => length))).toEqual(new Set([3]));
    expect(turns.size).toBeGreaterThan(30);
    expect(turns.size).toBeLessThan(70);
    const before = requests.length;
    for (let one = 0; one < 200; one++) fly(null);
    expect(requests.length - before).toBeGreaterThan(30);
    expect(requests.length - before).toBeLessThan(70);
  });

  test("a recorder that throws ends no request", () => {
    const { flights } = recorded();
    const offer = () => {
      throw new Error("full");
    };
    flights.capture.update(ALL, { offer });
    flights.fly();
    flights.sent[0].answer();
    const left = flights.fly();
    left.cancel();
    expect(flights.outcomes).toEqual(["ok", "cancelled"]);
    expect(flights.taken.every((count) => count === 0)).toBe(true);
    expect(flights.faults.map(({ message }) => message)).toEqual(["full", "full"]);
  });

  test("once it is off nothing more begins", () => {
    const { flights, requests } = recorded();
    flights.capture.update(ALL, null);
    flights.fly();
    flights.sent[0].answer();
    expect(requests).toEqual([]);
  });
});
