import { describe, expect, it, vi } from "vitest";
import type { ModelSettings } from "../../src/model/model-settings.ts";
import { CHAT, PickerCase, chatBody, chatHeaders, piece, streamHeaders } from "../picker-case.ts";

/** To the pool `q`, where `p` cannot serve it. */
const fallsBack: ModelSettings = {
  name: "m",
  aliases: [],
  pools: [{ pool: "p", model: "m", weight: null, header: {} }],
  fallback: ["q"],
  defaults: {},
  limits: { maxTokens: 0, maxInputTokens: 0 },
  shadow: null,
  locality: null,
};

const FRAME = 'data: {"choices":[{"delta":{"content":"word"}}]}\n\n';
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n';

it("names an endpoint in a header and as metadata, and gives the body back", () => {
  const picks = new PickerCase();
  const proxy = picks.begin().say(chatHeaders());
  expect(proxy.heard).toEqual([]);
  proxy.say(chatBody());
  const [head, body] = proxy.heard;
  expect(head).toMatchObject({ part: "request_headers", endpoints: "10.0.0.1:8000", removed: [] });
  expect(head.set).toEqual({ "x-gateway-destination-endpoint": "10.0.0.1:8000" });
  expect(body).toMatchObject({ part: "request_body", body: CHAT, isLast: true });
  expect(picks.flights.picks).toEqual(["picked"]);
  expect(picks.memory.heldBytes).toBe(0);
});

it("counts the request on its shard until its response is over, and what it says of tokens", () => {
  const picks = new PickerCase();
  const { states } = picks.flights.pool;
  const proxy = picks.begin().say(chatHeaders(), chatBody());
  expect([...states.requests]).toEqual([1, 0]);
  proxy.say(streamHeaders());
  expect(proxy.heard[2]).toMatchObject({ part: "response_headers", set: { "x-plimsoll-shard": "p/0" } });
  proxy.say(piece(FRAME), piece(FRAME + USAGE), piece("data: [DONE]\n\n", true));
  expect(proxy.heard.slice(3).map(({ body, isLast }) => [body, isLast])).toEqual([
    [FRAME, false],
    [FRAME + USAGE, false],
    ["data: [DONE]\n\n", true],
  ]);
  expect(picks.flights.outcomes).toEqual(["ok"]);
  expect(picks.flights.tokens).toMatchObject([{ prompt: 7, answer: 2, reported: true }]);
  expect(picks.flights.taken.every((count) => count === 0)).toBe(true);
  proxy.request.ended();
  expect(proxy.ends).toBe(1);
});

it("picks from the subset alone, and answers 503 where none of it is left", () => {
  const picks = new PickerCase({ shards: 3 });
  const from = (subset: readonly string[] | string) =>
    picks.begin().say(
      {
        ...chatHeaders(),
        metadata: { "envoy.lb.subset_hint": { "x-gateway-destination-endpoint-subset": subset } },
      },
      chatBody(),
    ).heard[0];
  for (let i = 0; i < 3; i++)
    expect(from(["10.0.0.3:8000", "10.0.0.9:8000"]).endpoints).toBe("10.0.0.3:8000");
  expect(from("10.0.0.2").endpoints).toBe("10.0.0.2:8000");
  for (const none of [[], ["10.0.0.9:8000"]]) expect(from(none)).toMatchObject({ status: 503 });
  picks.flights.pool.states.ready[1] = 0;
  expect(from(["10.0.0.2:8000"])).toMatchObject({ status: 503 });
  expect(picks.flights.picks.slice(-3)).toEqual(["unavailable", "unavailable", "unavailable"]);
});

it("answers 429 to who is over a limit, in the words of its API and with a time", () => {
  const picks = new PickerCase({ maxOfTenant: 1 });
  picks.begin().say(chatHeaders(), chatBody());
  const proxy = picks.begin().say(chatHeaders([":path", "/v1/messages"]), chatBody());
  const [answer] = proxy.heard;
  expect(answer).toMatchObject({ part: "immediate_response", status: 429 });
  expect(Number(answer.set["retry-after"])).toBeGreaterThan(0);
  expect(JSON.parse(answer.body as string)).toMatchObject({
    type: "error",
    error: { type: "rate_limit_error" },
  });
  expect(proxy.ends).toBe(1);
  expect(picks.flights.picks).toEqual(["picked", "refused"]);
  expect(picks.flights.responded).toMatchObject([{ status: 429, errorType: "tenant_limit" }]);
});

it.each([
  ["{", 400],
  ['{"model":"other"}', 404],
])("answers what is at fault with the body %s", async (body, status) => {
  const picks = new PickerCase();
  const proxy = picks.begin().say(chatHeaders(), chatBody(body));
  await Promise.resolve();
  await new Promise(setImmediate);
  expect(proxy.heard).toMatchObject([{ part: "immediate_response", status }]);
  expect(picks.flights.picks).toEqual(["client_error"]);
});

it("refuses a body that is too long as soon as that is known", () => {
  const picks = new PickerCase({ limitBytes: 10 });
  const announced = picks.begin().say(chatHeaders(["content-length", "11"]));
  expect(announced.heard).toMatchObject([{ status: 413 }]);
  const sent = picks.begin().say(chatHeaders(), { request_body: { body: "01234567890" } });
  expect(sent.heard).toMatchObject([{ status: 413 }]);
  expect(picks.memory.heldBytes).toBe(0);
});

it("refuses a body that takes too long to arrive", () => {
  vi.useFakeTimers();
  const picks = new PickerCase();
  const late = picks.begin().say(chatHeaders(), { request_body: { body: "{" } });
  const inTime = picks.begin().say(chatHeaders(), chatBody());
  vi.advanceTimersByTime(1000);
  expect(late.heard).toMatchObject([{ status: 408 }]);
  expect(inTime.parts).toEqual(["request_headers", "request_body"]);
  expect(picks.memory.heldBytes).toBe(0);
  vi.useRealTimers();
});

it("gives back a long body in pieces that every proxy takes, and waits for trailers", () => {
  const picks = new PickerCase({ limitBytes: 1 << 20 });
  const text = "x".repeat(150_000);
  const body = `{"model":"m","messages":[{"role":"user","content":"${text}"}]}`;
  const proxy = picks.begin().say(chatHeaders());
  for (let at = 0; at < body.length; at += 40_000)
    proxy.say({ request_body: { body: body.slice(at, at + 40_000) } });
  expect(proxy.heard).toEqual([]);
  proxy.say({ request_trailers: {} });
  expect(proxy.parts).toEqual([
    "request_headers",
    "request_body",
    "request_body",
    "request_body",
    "request_trailers",
  ]);
  expect(proxy.heard.every(({ body: own, isLast }) => (own?.length ?? 0) <= 65_536 && !isLast)).toBe(true);
  expect(proxy.heard.map((one) => one.body ?? "").join("")).toBe(body);
});

it("names further endpoints, and counts the request where the proxy says that it was served", () => {
  const picks = new PickerCase({ shards: 3, endpoints: 2 });
  const { states, health } = picks.flights.pool;
  const proxy = picks.begin().say(chatHeaders(), chatBody());
  const endpoints = proxy.heard[0].endpoints?.split(",") as string[];
  expect(endpoints).toHaveLength(2);
  expect(proxy.heard[0].set["x-gateway-destination-endpoint"]).toBe(endpoints.join());
  const [first, second] = endpoints.map((one) => Number(one.slice("10.0.0.".length, -":8000".length)) - 1);
  expect(states.requests[first]).toBe(1);
  proxy.say({
    ...streamHeaders(),
    metadata: { "envoy.lb": { "x-gateway-destination-endpoint-served": endpoints[1] } },
  });
  expect(states.requests[first]).toBe(0);
  expect(states.requests[second]).toBe(1);
  expect(health.view(first).lastFailure).toBe("connect");
  expect(proxy.heard[2].set["x-plimsoll-shard"]).toBe(`p/${second}`);
  proxy.say(piece(FRAME, true));
  expect(picks.flights.taken.every((count) => count === 0)).toBe(true);
});

it("takes the server's own failure for what it is, and sends nothing again", () => {
  const picks = new PickerCase();
  picks.begin().say(chatHeaders(), chatBody(), streamHeaders("503", "application/json"), piece("{}", true));
  expect(picks.flights.outcomes).toEqual(["failed"]);
  expect(picks.flights.resent).toBe(0);
  expect(picks.flights.pool.health.view(0).lastFailure).toBe("status");
});

it("passes on what the proxy answers by itself", () => {
  const picks = new PickerCase();
  const proxy = picks.begin().say(chatHeaders(), { request_body: { body: CHAT } }, streamHeaders("408"));
  proxy.say(piece("timeout", true));
  expect(proxy.parts).toEqual(["response_headers", "response_body"]);
  expect(picks.memory.heldBytes).toBe(0);
});

it("sends requests without a body, and those of routes it does not know, to any server", () => {
  const picks = new PickerCase();
  const get = {
    request_headers: {
      headers: [
        [":method", "GET"],
        [":path", "/v1/models"],
      ],
      end_of_stream: true,
    },
  } as const;
  expect(picks.begin().say(get).heard).toMatchObject([
    { part: "request_headers", endpoints: "10.0.0.1:8000" },
  ]);
  const own = picks.begin().say(chatHeaders([":path", "/v1/own"]), chatBody("no JSON"));
  expect(own.heard).toMatchObject([{ endpoints: "10.0.0.2:8000" }, { body: "no JSON" }]);
});

it.each([
  ["BUFFERED", { ...chatHeaders(), modes: [2, 4] as const }, /FULL_DUPLEX_STREAMED/],
  ["observability", { ...chatHeaders(), observes: true }, /observability/],
  ["a body first", chatBody(), /not where/],
])("says what is wrong with a proxy that speaks otherwise: %s", (_name, first, why) => {
  const proxy = new PickerCase().begin().say(first);
  expect(proxy.why).toMatch(why);
  expect(proxy.heard).toEqual([]);
});

it("removes what no client may set, and overwrites the endpoint that it names", () => {
  const picks = new PickerCase();
  const [head] = picks
    .begin()
    .say(
      chatHeaders(
        ["x-gateway-destination-endpoint", "10.6.6.6:1"],
        ["x-override-routed-dp-rank", "3"],
        ["accept-encoding", "gzip"],
      ),
      chatBody(),
    ).heard;
  expect(head.set["x-gateway-destination-endpoint"]).toBe("10.0.0.1:8000");
  expect([...head.removed].sort()).toEqual(["accept-encoding", "x-override-routed-dp-rank"]);
});

describe("of a model over several pools", () => {
  const pick = (picks: PickerCase, subset: readonly string[] | null = null) => {
    if (subset === null) return picks.begin().say(chatHeaders(), chatBody());
    const metadata = { "envoy.lb.subset_hint": { "x-gateway-destination-endpoint-subset": subset } };
    return picks.begin().say({ ...chatHeaders(), metadata }, chatBody());
  };

  it("picks from each by its part, from another where one has no room, and says which it is", () => {
    const picks = new PickerCase({ pools: 2, shards: 1, models: [byParts(3, 1)] });
    const [p, q] = picks.flights.pools;
    const told = () => pick(picks).heard[0].endpoints;
    const all = Array.from({ length: 8 }, told);
    expect(all.filter((one) => one === "10.0.1.1:8000")).toHaveLength(2);
    p.states.maxRequests.fill(p.states.requests[0]);
    expect(told()).toBe("10.0.1.1:8000");
    q.states.ready.fill(0);
    expect(pick(picks).heard).toMatchObject([{ status: 429 }]);
    p.states.maxRequests.fill(0);
    const proxy = pick(picks).say(streamHeaders());
    expect(proxy.heard[2].set["x-plimsoll-shard"]).toBe("p/0");
  });

  it("picks from the pool that has one of the subset", () => {
    const picks = new PickerCase({ pools: 2, shards: 2, models: [byParts(1, 1)] });
    for (let i = 0; i < 3; i++)
      expect(pick(picks, ["10.0.1.2:8000"]).heard[0].endpoints).toBe("10.0.1.2:8000");
    expect(picks.flights.choices).toEqual(["q weight", "q weight", "q weight"]);
    expect(pick(picks, ["10.0.9.1:8000"]).heard).toMatchObject([{ status: 503 }]);
  });

  it("falls back before the proxy is told, and not after: a failing answer is the proxy's to send again", () => {
    const picks = new PickerCase({ pools: 2, shards: 1, models: [fallsBack] });
    const first = pick(picks);
    expect(first.heard[0].endpoints).toBe("10.0.0.1:8000");
    first.say(streamHeaders("503", "application/json"), piece("no", true));
    expect(picks.flights.outcomes).toEqual(["failed"]);
    picks.flights.pool.states.ready.fill(0);
    const second = pick(picks);
    expect(second.heard[0].endpoints).toBe("10.0.1.1:8000");
    second.request.cut();
    expect(picks.flights.taken.every((count) => count === 0)).toBe(true);
  });

  it("counts a pick at the pool that the request has come to", () => {
    const picks = new PickerCase({ pools: 2, shards: 1, maxInFlight: 1, models: [fallsBack] });
    const [p, q] = picks.flights.pools;
    const first = pick(picks);
    p.states.ready.fill(0);
    const waiting = pick(picks);
    q.states.ready.fill(0);
    first.request.cut();
    expect(waiting.heard).toMatchObject([{ status: 503 }]);
    p.states.ready.fill(1);
    pick(picks);
    expect(picks.flights.picks).toEqual(["picked", "unavailable", "picked"]);
    expect(picks.flights.pickPools).toEqual(["p", "p", "p"]);
  });

  it("gives requests what their model adds, and the name that it has there", () => {
    const model = { ...fallsBack, aliases: ["other"], defaults: { seed: 5 } };
    const picks = new PickerCase({ pools: 2, shards: 1, models: [model] });
    const body = CHAT.replace('"m"', '"other"');
    const [, sent] = picks.begin().say(chatHeaders(), chatBody(body)).heard;
    expect(JSON.parse(sent.body as string)).toMatchObject({ model: "m", seed: 5 });
  });

  it("picks where a request's like are, as far as the subset has it, and counts it there", () => {
    const locality = { mode: "on", percent: 100, switchbackMinutes: null, loadBand: 0.5 } as const;
    const pools = ["p", "q"].map((pool) => ({ pool, model: "m", weight: null, header: {} }));
    const models = [{ ...fallsBack, fallback: [], pools, locality }];
    const picks = new PickerCase({ pools: 2, shards: 1, models, locality });
    const [of, only] = ["10.0.0.1:8000", "10.0.1.1:8000"];
    const begin = (tenant: string, subset: readonly string[]) =>
      picks.begin().say(
        {
          ...chatHeaders(["x-tenant", tenant]),
          metadata: { "envoy.lb.subset_hint": { "x-gateway-destination-endpoint-subset": subset } },
        },
        chatBody(),
      );
    for (let i = 0; i < 3; i++) {
      const proxies = [begin("t", [of, only]), begin("u", [of, only])];
      expect(proxies.map(({ heard }) => heard[0].endpoints)).toEqual([of, only]);
      expect(picks.flights.locality?.inFlight).toBe(2);
      for (const { request } of proxies) request.cut();
    }
    const proxy = begin("t", [only]);
    expect(proxy.heard[0].endpoints).toBe(only);
    proxy.request.cut();
    const { choices, sent } = picks.flights.locality?.tally ?? expect.fail();
    expect(choices).toMatchObject({ byExperts: 7, elsewhere: 0 });
    expect([...sent.locality.requests]).toEqual([4 + 3, 4 + 4]);
    expect(picks.flights.locality?.inFlight).toBe(0);
    expect(picks.flights.choices).toEqual(
      Array.from({ length: 7 }, () => expect.stringMatching(/ locality$/)),
    );
  });

  it("copies nothing to a shadow pool", async () => {
    const shadow = { pool: "q", model: "m", part: 1 };
    const picks = new PickerCase({ pools: 2, models: [{ ...fallsBack, fallback: [], shadow }] });
    pick(picks).say(streamHeaders(), piece("data: [DONE]\n\n", true));
    await new Promise(setImmediate);
    expect([picks.flights.outcomes, picks.flights.sent]).toEqual([["ok"], []]);
  });

  it("picks from what has taken a pool's place while the request waited", () => {
    const picks = new PickerCase({ pools: 2, shards: 1, maxInFlight: 1, models: [byParts(1, 0)] });
    const first = pick(picks);
    const waiting = pick(picks);
    expect(waiting.heard).toEqual([]);
    picks.flights.reload(0, [2]);
    first.request.cut();
    expect(waiting.heard[0].endpoints).toBe("10.0.0.3:8000");
    waiting.request.cut();
    expect(picks.flights.taken.every((count) => count === 0)).toBe(true);
  });
});

function byParts(...weights: readonly number[]): ModelSettings {
  const pools = weights.map((weight, i) => ({ pool: ["p", "q"][i], model: "m", weight, header: {} }));
  return { ...fallsBack, pools, fallback: [] };
}
