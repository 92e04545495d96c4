import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { NoShardAvailable } from "../../src/serving/refusals.ts";
import type { RequestFacts } from "../../src/serving/request/request-facts.ts";
import { type CaseOptions, FlightCase, HeardClient } from "../flight-case.ts";
import { RecordedTrace } from "../recorded-trace.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A request of one of two pools, which goes to the first. */
function begin(options: CaseOptions = {}, facts: Partial<RequestFacts> = {}) {
  const flights = new FlightCase({ shards: 1, pools: 2, parts: [1, 1, 1], ...options });
  const client = new HeardClient();
  const trace = new RecordedTrace();
  const flight = flights.fly(client, undefined, facts, trace);
  return { flights, client, flight, trace };
}

const pause = () => vi.advanceTimersByTime(5);

/** Over, once, with nothing taken. */
function expectEnd(flights: FlightCase, client: HeardClient, outcome: string): void {
  expect([flights.outcomes, client.endings, client.bodiesReleased]).toEqual([[outcome], 1, 1]);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
}

describe("before its first byte a request goes to another pool", () => {
  test.each([429, 502, 503])("when the only shard of its own answers %d, out of the budget", (status) => {
    const { flights, client, trace } = begin();
    flights.sent[0].answer(status, "no");
    pause();
    expect(flights.deck.retryBudget.spent).toBe(1);
    flights.sent[1].answer(200, "yes");
    expect(client.received).toEqual(["headers 200 q/0", "data yes", "end"]);
    expect(flights.choices).toEqual(["p weight", "q moved"]);
    expect(trace.calls).toContain("moved q");
    expectEnd(flights, client, "ok");
  });

  test("when nobody takes connections at any shard of its own, at no cost", () => {
    const { flights, client } = begin({ shards: 2 });
    for (const shard of [0, 1]) {
      flights.sent[shard].fail(false);
      pause();
    }
    flights.sent[2].answer();
    expect(flights.deck.retryBudget.spent).toBe(0);
    expect(client.received[0]).toBe("headers 200 q/0");
    expectEnd(flights, client, "ok");
  });

  test("when the headers of a stream were relayed and nothing more", () => {
    const { flights, client } = begin();
    flights.sent[0].headers();
    flights.sent[0].fail();
    pause();
    flights.sent[1].headers();
    flights.sent[1].data();
    expect(client.received).toEqual(["headers 200 p/0", "takenOver q/0", "data data: x"]);
    flights.sent[1].end();
    expectEnd(flights, client, "ok");
  });

  test("and to one that it falls back on, by the name that engines know there", () => {
    const { flights, client } = begin({ fallback: true, parts: undefined });
    expect(flights.choices).toEqual(["p only"]);
    flights.sent[0].fail(false);
    pause();
    expect(flights.sent[1].shard.pool).toBe("q");
    flights.sent[1].answer();
    expect(flights.choices.at(-1)).toBe("q fallback");
    expectEnd(flights, client, "ok");
  });

  test("the last answer counts when all refuse, and no pool is asked twice", () => {
    const { flights, client } = begin({ pools: 3 });
    for (const answered of [0, 1, 2]) {
      flights.sent[answered].answer(503, `no ${answered}`);
      pause();
    }
    expect(flights.sent.map(({ shard }) => shard.pool).sort()).toEqual(["p", "q", "r"]);
    expect(client.received.at(-2)).toBe("data no 2");
    expectEnd(flights, client, "failed");
  });

  test("but not when the retry budget is spent", () => {
    const { flights, client } = begin({ maxAttempts: 1 });
    flights.sent[0].answer(503, "no");
    expect(client.received[0]).toBe("headers 503 p/0");
    expectEnd(flights, client, "failed");
  });
});

test("after its first byte it stays where it is", () => {
  const { flights, client } = begin();
  flights.sent[0].headers();
  flights.sent[0].data();
  flights.sent[0].fail();
  pause();
  expect(flights.sent).toHaveLength(1);
  expect(client.received.at(-1)).toBe("brokenOff");
  expectEnd(flights, client, "failed");
});

test("a hedge goes to a second shard of the same pool, and to no other pool", () => {
  const { flights, client } = begin({ hedgeMs: 3 });
  vi.advanceTimersByTime(20);
  expect(flights.sent).toHaveLength(1);
  flights.sent[0].answer();
  expectEnd(flights, client, "ok");
});

describe("a pool is not asked", () => {
  const full = { pools: 2, shards: 1, parts: [1, 0, 0] };

  test("while it is full; where none has room, the request is refused for that", () => {
    const flights = new FlightCase({ ...full, parts: [9, 1] });
    for (const { states } of flights.pools) states.maxRequests.fill(1);
    const clients = [1, 2, 3].map(() => new HeardClient());
    for (const client of clients) flights.fly(client);
    expect(flights.sent.map(({ shard }) => shard.pool)).toEqual(["p", "q"]);
    expect(clients[2].error).toBeInstanceOf(NoShardAvailable);
    expect((clients[2].error as NoShardAvailable).reason).toBe("at_capacity");
    for (const sent of flights.sent) sent.answer();
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });

  test("while it lacks experts, unless the others cannot serve", () => {
    const flights = new FlightCase({ pools: 2, shards: 1, parts: [9, 1] });
    flights.pools[0].snapshot = {
      epoch: 7,
      missing: [{ layer: 0, experts: [1] }],
    } as unknown as RoutingSnapshot;
    flights.fly();
    flights.pools[1].states.ready.fill(0);
    flights.fly();
    expect(flights.sent.map(({ shard }) => shard.pool)).toEqual(["q", "p"]);
  });

  test("with the weight 0, unless a header asks for it; then it is, while it can serve", () => {
    const flights = new FlightCase(full);
    const canary = ["X-Canary", "true"];
    for (let i = 0; i < 20; i++) flights.fly();
    for (let i = 0; i < 3; i++) flights.fly(undefined, undefined, {}, null, canary);
    flights.fly(undefined, undefined, {}, null, ["x-canary", "false"]);
    flights.pools[1].states.admitting.fill(0);
    flights.fly(undefined, undefined, {}, null, canary);
    const pools = flights.sent.map(({ shard }) => shard.pool).join("");
    expect(pools).toBe(`${"p".repeat(20)}qqqpp`);
    expect(flights.choices.slice(19, 23)).toEqual(["p weight", "q header", "q header", "q header"]);
  });
});

test("a request that waited for admission goes where is room when it is admitted", () => {
  const flights = new FlightCase({ pools: 2, shards: 1, parts: [1, 1], maxInFlight: 1 });
  flights.fly();
  const waiting = new HeardClient();
  flights.fly(waiting);
  for (const { states } of flights.pools) states.ready[0] = states === flights.pools[0].states ? 1 : 0;
  flights.sent[0].answer();
  flights.sent[1].answer();
  expect(waiting.received[0]).toBe("headers 200 p/0");
  expect(flights.choices).toEqual(["p weight", "p weight"]);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
});

test("all pools that a request may still go to are held, until its first byte; then the one that answers", () => {
  const { flights, flight } = begin({ pools: 3, fallback: true });
  const held = () => flights.pools.map(({ line }) => line.flights);
  expect(held()).toEqual([1, 1, 1]);
  flights.sent[0].headers();
  expect(held()).toEqual([1, 1, 1]);
  flights.sent[0].data();
  expect(held()).toEqual([1, 0, 0]);
  flight.cancel();
  expect(held()).toEqual([0, 0, 0]);
});

describe("where a reload has put another pool in the place of one", () => {
  test.each([1, 2])("what waits for admission goes there: with %d pools of the model", (pools) => {
    const flights = new FlightCase({ pools, shards: 1, parts: [1, 0], maxInFlight: 1 });
    flights.fly();
    const waiting = new HeardClient();
    flights.fly(waiting);
    const next = flights.reload(0, [1]);
    expect([flights.pool.isNeeded, next.isNeeded]).toEqual([true, true]);
    flights.sent[0].answer();
    expect([flights.pool.isNeeded, next.isNeeded]).toEqual([false, true]);
    flights.sent[1].answer();
    expect(waiting.received[0]).toBe("headers 200 p/1");
    expect(next.isNeeded).toBe(false);
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });

  test("what is sent again goes there, and not to the shard that failed it, whatever its place is now", () => {
    const { flights, client } = begin({ pools: 1, shards: 2 });
    flights.sent[0].fail();
    flights.reload(0, [1, 0]);
    pause();
    flights.sent[1].answer();
    expect(client.received[0]).toBe("headers 200 p/1");
    expectEnd(flights, client, "ok");
  });

  test("what goes to another pool of its model goes there, and is counted as one move", () => {
    const { flights, client, trace } = begin();
    flights.reload(0, [0]);
    const next = flights.reload(1, [1]);
    flights.sent[0].fail(false);
    pause();
    flights.sent[1].answer();
    expect(client.received[0]).toBe("headers 200 q/1");
    expect(flights.choices).toEqual(["p weight", "q moved"]);
    expect(trace.calls.filter((call) => call.startsWith("moved"))).toEqual(["moved q"]);
    expect(next.isNeeded).toBe(false);
    expectEnd(flights, client, "ok");
  });

  test("it is no other pool: a request stays in its own, whose new shards may take it", () => {
    const { flights, client, trace } = begin();
    flights.reload(0, [1]);
    flights.sent[0].fail();
    pause();
    flights.sent[1].answer();
    expect(client.received[0]).toBe("headers 200 p/1");
    expect(flights.choices).toEqual(["p weight"]);
    expect(trace.calls.filter((call) => call.startsWith("moved"))).toEqual([]);
    expectEnd(flights, client, "ok");
  });

  test("its states say what is full, and what is ready", () => {
    const flights = new FlightCase({ pools: 2, shards: 1, parts: [9, 1] });
    flights.reload(0, [0]).states.ready.fill(0);
    flights.fly();
    expect(flights.sent.map(({ shard }) => shard.pool)).toEqual(["q"]);
  });

  test("a rank that was asked for is the same one there; one that is gone is refused", () => {
    const flights = new FlightCase({ pools: 1, shards: 2, maxInFlight: 1 });
    const clients = [0, 1, 2].map(() => new HeardClient());
    for (const [i, client] of clients.entries()) flights.fly(client, undefined, { rank: i === 1 ? 1 : 0 });
    flights.reload(0, [2, 1]);
    flights.sent[0].answer();
    flights.sent[1].answer();
    expect(clients[1].received[0]).toBe("headers 200 p/1");
    expect((clients[2].error as NoShardAvailable).reason).toBe("no_such_rank");
    expect(flights.taken.every((count) => count === 0)).toBe(true);
  });
});
