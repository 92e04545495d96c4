import { fastify } from "fastify";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Access } from "../../src/access/access.ts";
import type { AccessKey, Role } from "../../src/config/access-config.ts";
import { isLoopback } from "../../src/config/loopback.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { errorAnswer } from "../../src/http/errors.ts";
import { OperatorDoor } from "../../src/http/operator-door.ts";
import { Peers } from "../../src/http/peer.ts";

const KEY = "the key";
const HERE = ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"];
const ELSEWHERE = [
  "10.0.0.9",
  "192.168.1.1",
  "::ffff:10.0.0.9",
  "2001:db8::1",
  "fe80::1",
  "0.0.0.0",
  "::",
  "172.17.0.1",
];

interface Asked {
  readonly from?: string;
  readonly headers?: Record<string, string>;
  readonly path?: string;
}

/** What a gateway answers there: its status, and the reason of an error. */
async function answerTo(
  key: string | null,
  { from = "127.0.0.1", headers = {}, path = "/admin/state" }: Asked,
) {
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = errorAnswer(error);
    return reply.code(status).send(body);
  });
  const operatorKeyHash = key === null ? null : keyHash(key);
  const access = new Access(
    { operatorKeyHash, access: { keys: [], jwt: null, anonymous: false } },
    { now: () => 0 },
  );
  // What it adds to the app is all that is asked here.
  void new OperatorDoor(app, {
    access,
    host: "gateway.example",
    peers: new Peers(app.server),
    clock: { now: () => 0 },
  });
  for (const url of ["/admin/state", "/metrics", "/health", "/ready"]) app.get(url, async () => ({}));
  const response = await app.inject({
    url: path,
    remoteAddress: from,
    headers: { host: "127.0.0.1:8080", ...headers },
  });
  const { error } = response.json<{ error?: { reason: string; message: string } }>();
  return {
    status: response.statusCode,
    reason: error?.reason,
    message: error?.message ?? "",
  };
}

test.each(HERE)("%s is loopback", (address) => {
  expect(isLoopback(address)).toBe(true);
});

test.each([...ELSEWHERE, "localhost", "127.0.0.1.evil.example", "127.1", "", "x"])("%s is not", (address) => {
  expect(isLoopback(address)).toBe(false);
});

describe("without a key", () => {
  test.each(HERE)("%s gets an answer", async (from) => {
    expect(await answerTo(null, { from })).toMatchObject({ status: 200 });
  });

  test.each(ELSEWHERE)("%s is refused, with the setting that would open the route", async (from) => {
    for (const path of ["/admin/state", "/metrics"]) {
      const { status, reason, message } = await answerTo(null, { from, path });
      expect([status, reason]).toEqual([403, "loopback_only"]);
      expect(message).toContain("http.operatorKeyEnv");
    }
    for (const path of ["/health", "/ready"]) expect((await answerTo(null, { from, path })).status).toBe(200);
  });

  test("no header of a client's makes it a local one, or the key's owner", async () => {
    const name = fc.constantFrom(
      "x-plimsoll-peer",
      "x-forwarded-for",
      "forwarded",
      "x-real-ip",
      "host",
      "authorization",
      "via",
    );
    const value = fc.constantFrom("127.0.0.1", "for=127.0.0.1", "localhost", "::1", "Bearer ", "Bearer null");
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, value), fc.constantFrom(...ELSEWHERE), async (headers, from) => {
        expect((await answerTo(null, { from, headers })).status).toBe(403);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  test.each([
    "x-forwarded-for",
    "forwarded",
    "X-Real-IP",
    "x-forwarded-proto",
    "via",
    "x-envoy-external-address",
    "cf-connecting-ip",
  ])("what a proxy on loopback forwards, as %s says, is refused", async (name) => {
    const { status, reason, message } = await answerTo(null, { headers: { [name]: "127.0.0.1" } });
    expect([status, reason]).toEqual([403, "loopback_only"]);
    expect(message).toContain(name.toLowerCase());
  });

  test.each([
    ["localhost:8080", 200],
    ["dashboard.localhost", 200],
    ["LOCALHOST.", 200],
    ["[::1]:8080", 200],
    ["10.0.0.9", 200],
    ["gateway", 200],
    ["Gateway.Example:8080", 200],
    ["evil.example:8080", 403],
    ["127.0.0.1.evil.example", 403],
    ["localhost.evil.example", 403],
    ["evillocalhost.example", 403],
  ])(
    "a client that names the gateway %s: %i, as a name may have been rebound to loopback",
    async (host, status) => {
      expect(await answerTo(null, { headers: { host } })).toMatchObject({ status });
    },
  );
});

describe("with a key", () => {
  test.each([...HERE, ...ELSEWHERE])("%s has to send it", async (from) => {
    const headers = { authorization: `Bearer ${KEY}`, "x-forwarded-for": "10.0.0.1", host: "ops.example" };
    for (const path of ["/admin/state", "/metrics"]) {
      expect(await answerTo(KEY, { from, path, headers })).toMatchObject({ status: 200 });
      const refused = await answerTo(KEY, { from, path });
      expect(refused).toMatchObject({ status: 401, reason: "unauthorized" });
    }
  });

  test.each([
    "",
    "Bearer",
    "Bearer ",
    "Bearer wrong",
    "Bearer the key2",
    "Bearer the",
    `Basic ${KEY}`,
    KEY,
    `bearer${KEY}`,
    `Bearer Bearer ${KEY}`,
  ])("'%s' is not it", async (authorization) => {
    expect(await answerTo(KEY, { headers: { authorization } })).toMatchObject({ status: 401 });
  });

  test.each([`bearer ${KEY}`, `BEARER   ${KEY} `])("'%s' is", async (authorization) => {
    expect(await answerTo(KEY, { headers: { authorization } })).toMatchObject({ status: 200 });
  });
});

describe("a browser, with the key or without one", () => {
  const headersOf = (key: string | null) => (key === null ? {} : { authorization: `Bearer ${key}` });

  test.each<Record<string, string>>([
    { origin: "http://evil.example" },
    { origin: "http://127.0.0.1:9090" },
    { origin: "http://127.0.0.1" },
    { origin: "https://127.0.0.1:8080.evil.example" },
    { origin: "null" },
    { origin: "file://" },
    { origin: "" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "same-origin", origin: "http://evil.example" },
    { "sec-fetch-site": "cross-site", origin: "http://127.0.0.1:8080" },
  ])("%j: a page of another origin is refused", async (headers) => {
    for (const key of [null, KEY])
      expect(await answerTo(key, { headers: { ...headersOf(key), ...headers } })).toMatchObject({
        status: 403,
        reason: "other_origin",
      });
  });

  test.each<Record<string, string>>([
    { origin: "http://127.0.0.1:8080" },
    { origin: "https://127.0.0.1:8080" },
    { "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "same-origin", origin: "http://127.0.0.1:8080" },
    { origin: "http://localhost", host: "localhost:80" },
    { origin: "http://localhost:80", host: "LOCALHOST" },
  ])("%j: the gateway's own page is not", async (headers) => {
    for (const key of [null, KEY])
      expect(await answerTo(key, { headers: { ...headersOf(key), ...headers } })).toMatchObject({
        status: 200,
      });
  });
});

test("an engine's key writes as often as its ranks have to, and no more; an operator's as it likes", async () => {
  const app = fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, retryAfterSeconds, body } = errorAnswer(error);
    return reply.code(status).header("retry-after", retryAfterSeconds).send(body);
  });
  let now = 0;
  const key = (id: string, role: Role, ranks: AccessKey["ranks"]): AccessKey => {
    const all = { tenant: id, models: null, expiresMs: null, pools: null };
    return { ...all, id, hash: keyHash(id), role, ranks };
  };
  const keys = [
    key("one", "engine", [[3, 3]]),
    key("two", "engine", [
      [0, 0],
      [4, 4],
    ]),
    key("ops", "operator", null),
  ];
  const access = new Access(
    { operatorKeyHash: null, access: { keys, jwt: null, anonymous: false } },
    { now: () => 0 },
  );
  const terms = { access, host: "h", peers: new Peers(app.server), clock: { now: () => now } };
  void new OperatorDoor(app, terms);
  app.post("/ep/v1/load", async () => ({}));
  app.get("/ep/v1/placement/:pool", async () => ({}));
  const write = async (id: string) => {
    const headers = { authorization: `Bearer ${id}` };
    return (await app.inject({ method: "POST", url: "/ep/v1/load", headers })).statusCode;
  };
  const writes = async (id: string, count: number) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push(await write(id));
    return statuses.filter((status) => status === 200).length;
  };
  expect([await writes("one", 60), await writes("two", 110), await writes("ops", 110)]).toEqual([
    50, 100, 110,
  ]);
  const headers = { authorization: "Bearer one" };
  expect((await app.inject({ url: "/ep/v1/placement/p", headers })).statusCode).toBe(200);
  now = 100;
  expect(await writes("one", 10)).toBe(5);
});
