import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pairing } from "../../src/serving/pairing.ts";
import { Unpairable } from "../../src/serving/pairing.ts";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { InvalidRequest, NoShardAvailable, Refused } from "../../src/serving/refusals.ts";
import { EngineUnreachable } from "../../src/serving/engine.ts";
import { type CaseOptions, FlightCase, HeardClient, inTurn, together } from "../flight-case.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function begin(options: CaseOptions = {}) {
  const flights = new FlightCase(options);
  const client = new HeardClient();
  return { flights, client, flight: flights.fly(client) };
}

/** Its server answers no probe. */
function silence({ engine, health }: ServingPool, shard: number): void {
  const news = { kind: "silent", why: "no answer", nobodyThere: false, waitedMs: 1 } as const;
  for (let probe = 0; probe < 3; probe++) health.news(engine.servers[shard], news);
}

/** Over, once, with nothing taken. */
function expectEnd(flights: FlightCase, client: HeardClient, outcome: string, endings = 1): void {
  expect(flights.outcomes).toEqual([outcome]);
  expect(client.endings).toBe(endings);
  expect(client.bodiesReleased).toBe(1);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
}

const pause = () => vi.advanceTimersByTime(5);

describe("one attempt", () => {
  test("waiting, sent, answering, over", () => {
    const { flights, client } = begin();
    expect(flights.taken[0]).toBe(1);
    flights.sent[0].answer(200, "hello");
    expect(client.received).toEqual(["headers 200 p/0", "data hello", "end"]);
    expectEnd(flights, client, "ok");
  });

  test("tells how fast its shard prefills by the first token of a stream: not by an event before it, nor by whole answers", () => {
    const { flights } = begin();
    const { speeds } = flights.pool.states;
    flights.clock.ms += 50;
    flights.sent[0].headers(200, "application/json");
    flights.sent[0].data();
    flights.sent[0].end();
    expect(speeds.msPerToken(0)).toBe(0);
    const flight = flights.fly();
    const [, sent] = flights.sent;
    sent.headers(200, "text/event-stream");
    // As `response.created` comes before any token.
    sent.data();
    expect(speeds.msPerToken(0)).toBe(0);
    flights.clock.ms += 50;
    // The client's connection has found content in what follows.
    flight.timing.contentFrames(1);
    sent.data();
    flights.clock.ms += 50;
    sent.data();
    sent.end();
    expect(speeds.msPerToken(0)).toBe(50 / 10);
  });

  test("tokens are counted as the engine reports them at the end, else as the request and the frames tell", () => {
    const { flights } = begin();
    flights.sent[0].answer(200, '{"usage":{"prompt_tokens":7,"completion_tokens":3}}');
    expect(flights.tokens).toEqual([{ model: "m", prompt: 7, answer: 3, cached: null, reported: true }]);
    flights.fly();
    flights.sent[1].answer(200, "no usage");
    expect(flights.tokens[1]).toEqual({
      model: "m",
      prompt: 10,
      answer: null,
      cached: null,
      reported: false,
    });
    flights.fly();
    flights.sent[2].answer(400, '{"usage":{"prompt_tokens":7}}');
    expect(flights.tokens).toHaveLength(2);
  });

  test("the headers of a stream are relayed when they come", () => {
    const { flights, client } = begin();
    flights.sent[0].headers();
    expect(client.received).toEqual(["headers 200 p/0"]);
    expect(client.bodiesReleased).toBe(0);
    flights.sent[0].data();
    flights.sent[0].end();
    expectEnd(flights, client, "ok");
  });

  test.each([
    [400, "client_error"],
    [429, "client_error"],
    [500, "failed"],
    [504, "failed"],
  ])("an answer of %d is relayed, and is %s", (status, outcome) => {
    const { flights, client } = begin({ shards: 1 });
    flights.sent[0].answer(status, "no");
    expect(client.received).toEqual([`headers ${status} p/0`, "data no", "end"]);
    expectEnd(flights, client, outcome);
    expect(flights.responded).toEqual([{ model: "m", status, errorType: "engine_error" }]);
    expect(flights.deck.retryBudget.spent).toBe(0);
  });

  test("a break after the first byte ends it", () => {
    const { flights, client } = begin();
    flights.sent[0].headers();
    flights.sent[0].data();
    flights.sent[0].fail();
    expect(client.received.at(-1)).toBe("brokenOff");
    expectEnd(flights, client, "failed");
    // Its headers had been sent.
    expect(flights.responded).toEqual([{ model: "m", status: 200, errorType: "engine_failed" }]);
  });

  test("a shard whose failing answer breaks off, or that says a wrong length, is blamed once", () => {
    const broken = begin({ shards: 1 });
    const blamed = vi.spyOn(broken.flights.pool.health, "failed");
    broken.flights.sent[0].headers(500);
    broken.flights.sent[0].data();
    broken.flights.sent[0].fail();
    expect(blamed.mock.calls).toEqual([[0, "status"]]);
    expectEnd(broken.flights, broken.client, "failed");

    const longer = begin({ shards: 1 });
    const blamedToo = vi.spyOn(longer.flights.pool.health, "failed");
    longer.client.endsAs = "cut_short";
    longer.flights.sent[0].answer();
    expect(blamedToo.mock.calls).toEqual([[0, "reset"]]);
    expect(longer.flights.outcomes).toEqual(["failed"]);
  });

  test.each([
    ["failed", "failed", [[0, "status"]]],
    ["client_error", "client_error", []],
  ] as const)("a stream that its engine ends with an error: %s", (endsAs, outcome, blames) => {
    const { flights, client } = begin({ shards: 1 });
    const blamed = vi.spyOn(flights.pool.health, "failed");
    client.endsAs = endsAs;
    flights.sent[0].answer(200, "data: x\n\n", "text/event-stream");
    expect(blamed.mock.calls).toEqual(blames);
    expectEnd(flights, client, outcome);
  });

  test.each(["waiting", "sent", "answering"])("a client that leaves while %s", (stage) => {
    const flights = new FlightCase({ maxInFlight: 1 });
    const first = flights.fly();
    const client = new HeardClient();
    const flight = flights.fly(client);
    if (stage === "waiting") {
      flight.cancel();
      first.cancel();
    } else {
      first.cancel();
      if (stage === "answering") flights.sent[1].headers();
      flight.cancel();
      expect(flights.sent[1].cancelled).toBe(true);
    }
    flight.cancel();
    expect(flights.outcomes).toEqual(["cancelled", "cancelled"]);
    expect(client.endings).toBe(0);
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });

  test("what admission refuses was never sent", () => {
    const { flights, client } = begin();
    flights.deck.admission.stop();
    const late = new HeardClient();
    flights.fly(late);
    expect(late.error).toBeInstanceOf(Refused);
    expect(flights.outcomes).toEqual(["refused"]);
    flights.sent[0].answer();
    expect(client.endings).toBe(1);
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });
});

describe("what admission counts tokens at", () => {
  /** Tokens that two requests of 15 may take at once, and no more in this test's time. */
  function limited() {
    const flights = new FlightCase({ shards: 1, tokensPerMinute: 30 });
    return { flights, next: () => flights.deck.admission.usage().tokens };
  }

  test.each([400, 429, 500, 503])("is given back when the engine answers %d", (status) => {
    const { flights, next } = limited();
    flights.fly();
    flights.sent[0].answer(status);
    expect(next()).toBe(0);
  });

  test("is given back when nothing was sent", () => {
    const { flights, next } = limited();
    flights.engineThrows = true;
    flights.fly();
    expect(next()).toBe(0);
  });

  test("is kept when it was served, broke off, or its client left meanwhile", () => {
    const { flights, next } = limited();
    flights.fly();
    flights.sent[0].answer();
    flights.fly().cancel();
    expect(next()).toBe(30);
  });
});

describe("sent again", () => {
  test.each([429, 502, 503])("%d: another shard has it", (status) => {
    const { flights, client } = begin();
    flights.sent[0].answer(status);
    pause();
    flights.sent[1].answer();
    expect(client.received[0]).toBe("headers 200 p/1");
    expect(flights.deck.retryBudget.spent).toBe(1);
    expectEnd(flights, client, "ok");
  });

  test("a break before the first byte: another shard has it", () => {
    const { flights, client } = begin();
    flights.sent[0].fail();
    pause();
    flights.sent[1].answer();
    expect(client.received[0]).toBe("headers 200 p/1");
    expectEnd(flights, client, "ok");
  });

  test("a break between the headers and the first byte of a stream: another shard takes it over", () => {
    const { flights, client } = begin();
    flights.sent[0].headers();
    flights.sent[0].fail();
    pause();
    flights.sent[1].headers();
    flights.sent[1].data();
    flights.sent[1].end();
    expect(client.received).toEqual(["headers 200 p/0", "takenOver p/1", "data data: x", "end"]);
    expectEnd(flights, client, "ok");
  });

  test("… and where that one refuses, the stream is broken off", () => {
    const { flights, client } = begin();
    flights.sent[0].headers();
    flights.sent[0].fail();
    pause();
    flights.sent[1].answer(400);
    expect(client.received).toEqual(["headers 200 p/0", "brokenOff"]);
    expectEnd(flights, client, "failed");
  });

  test("a time limit that is hit is not answered by another attempt", () => {
    const { flights, client } = begin();
    flights.sent[0].fail(true, "FIRST_TOKEN_TIMEOUT");
    pause();
    expect(flights.sent).toHaveLength(1);
    expect((client.error as EngineUnreachable).reason).toBe("engine_timeout");
    expectEnd(flights, client, "failed");
    // The status is the reason's.
    expect(flights.responded).toEqual([{ model: "m", status: null, errorType: "engine_timeout" }]);
  });

  test("… except where the server answers nothing else either; never on the same shard", () => {
    const { flights, client } = begin();
    for (const shard of [0, 1]) {
      silence(flights.pool, shard);
      flights.sent[shard].fail(true, "FIRST_TOKEN_TIMEOUT");
      pause();
    }
    expect(flights.sent.map(({ shard }) => shard.id)).toEqual(["p/0", "p/1"]);
    expect((client.error as EngineUnreachable).reason).toBe("engine_timeout");
    expectEnd(flights, client, "failed");
  });

  test("no connection: every shard is asked once, out of no budget", () => {
    const { flights, client } = begin({ shards: 4, maxAttempts: 1 });
    for (let shard = 0; shard < 4; shard++) {
      flights.sent[shard].fail(false, "ECONNREFUSED");
      pause();
    }
    expect(new Set(flights.sent.map(({ shard }) => shard.id)).size).toBe(4);
    expect(client.error).toBeInstanceOf(NoShardAvailable);
    expect(client.error?.message).toBe("No shard of pool `p` could be reached: The engine broke.");
    expect(flights.deck.retryBudget.spent).toBe(0);
    expectEnd(flights, client, "failed");
  });

  test("at most as often as may be", () => {
    const { flights, client } = begin({ shards: 1, maxAttempts: 3 });
    for (let attempt = 0; attempt < 3; attempt++) {
      flights.sent[attempt].fail();
      pause();
    }
    expect(flights.sent).toHaveLength(3);
    expect((client.error as EngineUnreachable).reason).toBe("engine_failed");
    expectEnd(flights, client, "failed");
    expect(flights.retriesDenied).toBe(0);
  });

  test("not once the retry budget is spent, which is counted", () => {
    const { flights, client } = begin();
    while (flights.deck.retryBudget.take(0));
    flights.sent[0].fail();
    pause();
    expect(flights.sent).toHaveLength(1);
    expect(flights.retriesDenied).toBe(1);
    expectEnd(flights, client, "failed");
  });
});

describe("hedged", () => {
  const HEDGED = { hedgeMs: 50 };

  test("the first good byte has it, and says whose the headers are", () => {
    const { flights, client } = begin(HEDGED);
    flights.sent[0].headers();
    vi.advanceTimersByTime(60);
    flights.sent[1].headers();
    flights.sent[1].data();
    expect(client.received).toEqual(["headers 200 p/1", "data data: x"]);
    expect(flights.sent[0].cancelled).toBe(true);
    flights.sent[1].end();
    expectEnd(flights, client, "ok");
  });

  test.each([400, 404, 429, 500, 503])("a %d never beats an attempt under way", (status) => {
    const { flights, client } = begin(HEDGED);
    vi.advanceTimersByTime(60);
    flights.sent[1].answer(status);
    expect(client.received).toEqual([]);
    flights.sent[0].answer();
    expect(client.received[0]).toBe("headers 200 p/0");
    expectEnd(flights, client, "ok");
  });

  test("with one shard nothing is sent, and nothing is spent", () => {
    const { flights, client } = begin({ ...HEDGED, shards: 1 });
    vi.advanceTimersByTime(60);
    expect([flights.sent.length, flights.deck.retryBudget.spent]).toEqual([1, 0]);
    flights.sent[0].answer();
    expectEnd(flights, client, "ok");
  });

  test("both break: one more try, then the end", () => {
    const { flights, client } = begin({ ...HEDGED, maxAttempts: 2 });
    vi.advanceTimersByTime(60);
    flights.sent[0].fail();
    flights.sent[1].fail();
    pause();
    expectEnd(flights, client, "failed");
  });
});

describe.each<[string, Pairing]>([
  ["together", together],
  ["in turn", inTurn],
])("prefilled by another shard, %s", (kind, pairing) => {
  const PAIRED = { pairing, prefillShards: 2 };

  test("the decode answers", () => {
    const { flights, client } = begin(PAIRED);
    flights.prefills[0].answer(200, "cache");
    expect(flights.sent[0].body).toMatch(kind === "together" ? /decode 0 \d+$/ : /with cache$/);
    flights.sent[0].answer();
    expect(client.received[0]).toBe("headers 200 p/0");
    expectEnd(flights, client, "ok");
  });

  test.each([400, 404, 413, 422])("a prefill's %d is the client's at once, and nobody's fault", (status) => {
    const { flights, client } = begin(PAIRED);
    if (kind === "together") flights.sent[0].headers();
    flights.prefills[0].answer(status, "too long");
    expect(client.received).toEqual([`headers ${status} p.prefill/0`, "data too long", "end"]);
    expect(flights.sent.every(({ cancelled }) => cancelled)).toBe(true);
    expectEnd(flights, client, "client_error");
    const { health, prefill } = flights.pool;
    expect([health.view(0).lastFailure, prefill?.health.view(0).lastFailure]).toEqual([null, null]);
  });

  test.each([429, 500, 503])("a prefill's %d: another prefills it", (status) => {
    const { flights, client } = begin(PAIRED);
    flights.prefills[0].answer(status);
    pause();
    flights.prefills[1].answer(200, "cache");
    flights.sent.at(-1)?.answer();
    expect(flights.prefills.map(({ shard }) => shard.rank)).toEqual([0, 1]);
    expectEnd(flights, client, "ok");
  });

  test.each([429, 500, 503])("a prefill's %d, and no other prefills: it is the client's answer", (status) => {
    const { flights, client } = begin({ pairing, prefillShards: 1 });
    flights.prefills[0].answer(status, "busy");
    expect(client.received).toEqual([`headers ${status} p.prefill/0`, "data busy", "end"]);
    expect(flights.deck.retryBudget.spent).toBe(0);
    expectEnd(flights, client, status < 500 ? "client_error" : "failed");
    const { health, prefill } = flights.pool;
    expect([health.view(0).lastFailure, prefill?.health.view(0).lastFailure]).toEqual([
      null,
      status < 500 ? null : "status",
    ]);
  });

  test("a prefill that breaks: another prefills it; one that is too late: none does", () => {
    const { flights, client } = begin(PAIRED);
    flights.prefills[0].fail();
    pause();
    flights.prefills[1].fail(true, "FIRST_TOKEN_TIMEOUT");
    pause();
    expect(flights.prefills).toHaveLength(2);
    expect(flights.sent.every(({ cancelled }) => cancelled)).toBe(true);
    expectEnd(flights, client, "failed");
  });

  test("a decode that refuses frees the prefill", () => {
    const { flights, client } = begin(PAIRED);
    if (kind === "in turn") flights.prefills[0].answer(200, "cache");
    flights.sent[0].answer(400);
    if (kind === "together") expect(flights.prefills[0].cancelled).toBe(true);
    expectEnd(flights, client, "client_error");
  });

  test("a client that leaves frees both", () => {
    const { flights, client, flight } = begin(PAIRED);
    flight.cancel();
    expect([...flights.prefills, ...flights.sent].every(({ cancelled }) => cancelled)).toBe(true);
    expectEnd(flights, client, "cancelled", 0);
  });
});

test.each(["no word of it", "not even JSON", ""])(
  "a prefill that leaves no cache (%j): the decode does it all",
  (answer) => {
    const { flights, client } = begin({ pairing: inTurn, prefillShards: 1 });
    flights.prefills[0].answer(200, answer);
    expect(flights.sent[0].body).toBe('{"model":"m"}');
    flights.sent[0].answer();
    expectEnd(flights, client, "ok");
  },
);

test("what one cache does not serve is the decode's alone", () => {
  const flights = new FlightCase({ pairing: inTurn, prefillShards: 1 });
  const client = new HeardClient();
  flights.fly(client, '{"model":"m","alone":1}');
  expect(flights.prefills).toHaveLength(0);
  flights.sent[0].answer();
  expectEnd(flights, client, "ok");
});

test("together, a stream's headers wait for the prefill, which may still refuse", () => {
  const { flights, client } = begin({ pairing: together, prefillShards: 1 });
  flights.sent[0].headers();
  expect(client.received).toEqual([]);
  flights.prefills[0].headers(200, "application/json");
  expect(client.received).toEqual(["headers 200 p/0"]);
  flights.sent[0].data();
  flights.prefills[0].end();
  flights.sent[0].end();
  expectEnd(flights, client, "ok");
});

describe("whatever throws", () => {
  test.each(["headers", "data", "end"])("a client's connection at %s", (throwsAt) => {
    const flights = new FlightCase({});
    const client = new HeardClient();
    client.throwsAt = throwsAt;
    flights.fly(client);
    flights.sent[0].answer();
    expect(flights.faults).toHaveLength(1);
    expect(flights.outcomes).toEqual(["failed"]);
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });

  test("an engine that is sent the request", () => {
    const flights = new FlightCase({});
    flights.engineThrows = true;
    const client = new HeardClient();
    flights.fly(client);
    expect(client.received).toEqual(["refused Error"]);
    expectEnd(flights, client, "failed");
  });

  test.each([
    [new Error("a bug"), "internal", "failed"],
    [new Unpairable("ask with `n` of 1", "n"), "invalid_request", "client_error"],
  ])("a body that cannot be paired: %s", (error, reason, outcome) => {
    const pairing: Pairing = {
      kind: "together",
      pair() {
        throw error;
      },
    };
    const { flights, client } = begin({ pairing, prefillShards: 1 });
    expect(flights.refusals).toEqual([reason]);
    expect(client.error instanceof InvalidRequest).toBe(reason === "invalid_request");
    expectEnd(flights, client, outcome);
  });

  test("a decode's body in turn", () => {
    const pairing: Pairing = {
      kind: "in-turn",
      prefillBody: () => Buffer.from("x"),
      decodeFields() {
        throw new Error("a bug");
      },
    };
    const { flights, client } = begin({ pairing, prefillShards: 1 });
    flights.prefills[0].answer();
    expect(client.received).toEqual(["refused Error"]);
    expectEnd(flights, client, "failed");
  });
});
