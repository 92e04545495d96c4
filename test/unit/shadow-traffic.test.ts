import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EngineRequest } from "../../src/serving/engine.ts";
import { Flight } from "../../src/serving/flight/flight.ts";
import type { FlightDeck } from "../../src/serving/flight/flight-deck.ts";
import { onlyPlace } from "../../src/serving/models/model-route.ts";
import { requestFacts } from "../../src/serving/request/request-facts.ts";
import { Shadow } from "../../src/serving/shadow/shadow.ts";
import { ShadowTraffic } from "../../src/serving/shadow/shadow-traffic.ts";
import type { ShadowPair } from "../../src/serving/traffic/traffic-observer.ts";
import { type CaseOptions, FlightCase, HeardClient } from "../flight-case.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ORIGIN = { tenant: "t", priority: 0, session: null, rank: -1, models: null, owner: null };

/** Requests for pool `p`, of which a part is copied to pool `q`. */
function shadowCase(part: number, options: CaseOptions = {}) {
  const flights = new FlightCase({ pools: 2, shards: 1, ...options });
  const pairs: ShadowPair[] = [];
  const deck: FlightDeck = { ...flights.deck, onShadowPair: (pair) => pairs.push(pair) };
  const shadow = new Shadow({ pool: flights.pools[1], model: "m", asked: "m-next" }, part);
  const traffic = new ShadowTraffic(deck);
  const route = onlyPlace({ pool: flights.pool, model: "m", asked: null });
  const send = (path = "/v1/chat/completions", client = new HeardClient(), size = 0) => {
    const facts = requestFacts(Buffer.from('{"model":"m"}'), ORIGIN);
    const body = size > 0 ? Buffer.alloc(size) : facts.body;
    const request: EngineRequest = { method: "POST", path, headers: [], body, fields: facts.fields ?? [] };
    const answered = traffic.mirror(shadow, route, facts, request, client);
    const flight = new Flight(deck, route, facts, request, answered).start();
    vi.advanceTimersByTime(0);
    return { client, flight };
  };
  const at = (pool: string) => flights.sent.filter(({ shard }) => shard.pool === pool);
  return { flights, pairs, send, copies: () => at("q"), served: () => at("p") };
}

const stream = 'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';

test("a part of the requests is copied, exactly, by the shadow pool's name for the model", () => {
  const { send, copies, served, flights } = shadowCase(0.05);
  for (let i = 0; i < 100; i++) {
    send();
    for (const sent of [...served(), ...copies()]) if (!sent.cancelled) sent.answer();
  }
  expect([served().length, copies().length]).toEqual([100, 5]);
  expect(copies()[0].body).toContain('"model":"m-next"');
  expect(flights.taken.every((count) => count === 0)).toBe(true);
});

test("both answers are compared; only the request's is the client's", () => {
  const { send, copies, served, pairs, flights } = shadowCase(1);
  const { client } = send();
  served()[0].headers();
  flights.clock.ms += 10;
  served()[0].data(`data: {"usage":{"completion_tokens":7}}\n\n${stream}`);
  served()[0].end();
  expect(client.received.map((what) => what.split(" ")[0])).toEqual(["headers", "data", "end"]);
  expect(flights.outcomes).toEqual(["ok"]);
  copies()[0].headers();
  flights.clock.ms += 30;
  copies()[0].data(`data: {"usage":{"completion_tokens":9}}\n\n${stream}`);
  copies()[0].end();
  expect(pairs).toMatchObject([
    { served: { ok: true, firstByteMs: 10, tokens: 7 }, copy: { ok: true, firstByteMs: 40, tokens: 9 } },
  ]);
  // The copy is no traffic.
  expect([flights.outcomes, flights.responded.length, flights.tokens.length]).toEqual([["ok"], 1, 1]);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
});

test.each([
  [
    "refuses",
    (copy: ReturnType<ReturnType<typeof shadowCase>["copies"]>[number]) => copy.answer(503, "no"),
    503,
  ],
  ["breaks", (copy: ReturnType<ReturnType<typeof shadowCase>["copies"]>[number]) => copy.fail(), 0],
  [
    "ends before its end",
    (copy: ReturnType<ReturnType<typeof shadowCase>["copies"]>[number]) =>
      copy.answer(200, "data: x\n\n", "text/event-stream"),
    200,
  ],
])("a copy that %s fails nobody, and is not sent again", (_what, end, status) => {
  const { send, copies, served, pairs, flights } = shadowCase(1, { shards: 2 });
  const { client } = send();
  end(copies()[0]);
  vi.advanceTimersByTime(50);
  served()[0].answer(200, "fine");
  expect(client.received).toEqual(["headers 200 p/0", "data fine", "end"]);
  expect(copies()).toHaveLength(1);
  expect(pairs).toMatchObject([{ served: { ok: true }, copy: { ok: false, status } }]);
  expect([flights.retriesDenied, flights.resent, flights.deck.retryBudget.spent]).toEqual([0, 0, 0]);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
});

test("a client that leaves ends its request, and not the copy", () => {
  const { send, copies, served, pairs, flights } = shadowCase(1);
  send().flight.cancel();
  expect([served()[0].cancelled, copies()[0].cancelled]).toEqual([true, false]);
  copies()[0].answer();
  expect(pairs).toEqual([]);
  expect(flights.taken.every((count) => count === 0)).toBe(true);
});

test("nothing is copied while requests wait, while the shadow is full, beyond what may be in flight, or that is kept", () => {
  const busy = shadowCase(1, { maxInFlight: 1 });
  busy.send();
  busy.send();
  expect(busy.copies()).toHaveLength(1);
  const full = shadowCase(1);
  full.flights.pools[1].states.maxRequests.fill(1);
  full.send();
  full.send();
  expect([full.served().length, full.copies().length]).toEqual([2, 1]);
  const many = shadowCase(1);
  for (let i = 0; i < 70; i++) many.send();
  expect([many.served().length, many.copies().length]).toEqual([70, 64]);
  const large = shadowCase(1);
  for (let i = 0; i < 3; i++) large.send(undefined, undefined, 24 << 20);
  expect(large.copies()).toHaveLength(2);
  const kept = shadowCase(1);
  for (const path of ["/v1/responses", "/v1/embeddings"]) kept.send(path);
  expect([kept.served().length, kept.copies().length]).toEqual([2, 0]);
});
