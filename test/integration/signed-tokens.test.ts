import { SignJWT, UnsecuredJWT, base64url } from "jose";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Issuer, startIssuer } from "../../harness/fakes/issuer.ts";
import { type RecordingEngine, recordingEngine } from "../../harness/fakes/recording-engine.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { KnownTokens } from "../../src/access/known-tokens.ts";
import { TokenVerifier } from "../../src/access/token-verifier.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { runHere } from "../run-here.ts";
import type { Identity } from "../../src/access/identity.ts";
import type { JwtConfig } from "../../src/config/access-config.ts";

let engine: RecordingEngine;
let issuer: Issuer;
let gateway: RunningGateway;
beforeAll(async () => {
  engine = await recordingEngine((_, response) => void response.end('{"choices":[]}'), ["small", "large"]);
  issuer = await startIssuer();
  gateway = await startGateway(`access:
  jwt:
    issuer: ${issuer.url}
    audience: [other, plimsoll]
    jwksUrl: ${issuer.jwksUrl}
    tenantClaim: org
    modelsClaim: models
    rolesClaim: realm_access.roles
    clientRoles: [user]
    operatorRoles: [admin, sre]
pools: [{ name: chat, kind: openai, models: [small, large], urls: ["${engine.url}"] }]`);
});
beforeEach(() => engine.clear());
afterAll(async () => {
  await gateway.stop();
  await issuer[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
});

const claims = { sub: "anna", org: "team", models: "small", realm_access: { roles: ["user"] } };

function ask(token: string, model = "small") {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: token, maxRetries: 0 });
  return client.chat.completions.create({ model, messages: [] }).then(
    () => null,
    (error: unknown) => error,
  );
}

function state(token: string): Promise<Response> {
  return fetch(`${gateway.url}/admin/state`, { headers: { authorization: `Bearer ${token}` } });
}

test("a signed token is a client's, of its tenant and for its models; the engine does not see it", async () => {
  const token = await issuer.token(claims);
  expect(await ask(token)).toBeNull();
  expect(engine.recorded[0]?.headers.authorization).toBeUndefined();
  expect(await ask(token, "large")).toBeInstanceOf(OpenAI.NotFoundError);
  const known = gateway.app.gateway().deck.admission.tenants;
  expect(await ask(await issuer.token({ ...claims, sub: "ben", org: "team" }))).toBeNull();
  expect(gateway.app.gateway().deck.admission.tenants).toBe(known);
});

test("roles: a client's opens no operators' route, an operator's does, and none of them opens neither", async () => {
  const of = (roles: string[]) => issuer.token({ ...claims, realm_access: { roles } });
  const [user, sre, guest] = [await of(["user"]), await of(["x", "sre"]), await of(["guest"])];
  expect([(await state(user)).status, (await state(sre)).status, (await state(guest)).status]).toEqual([
    403, 200, 403,
  ]);
  expect(await ask(sre)).toBeInstanceOf(OpenAI.PermissionDeniedError);
  expect(await ask(guest)).toMatchObject({ status: 403, code: "not_permitted" });
});

describe("a token is not believed", () => {
  const forged = async () => {
    const other = await startIssuer();
    const token = await other.token({ ...claims, iss: issuer.url });
    await other[Symbol.asyncDispose]();
    return token;
  };
  /** Signed with the public key as if it were a shared secret, as old libraries took it. */
  const confused = async () => {
    const published = await (await fetch(issuer.jwksUrl)).text();
    return new SignJWT({ iss: issuer.url, aud: "plimsoll", ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("10m")
      .sign(new TextEncoder().encode(published));
  };
  const cases: readonly (readonly [string, () => Promise<string>, RegExp])[] = [
    ["of another issuer", () => issuer.token({ ...claims, iss: "https://evil.example" }), /another issuer/],
    ["for another audience", () => issuer.token({ ...claims, aud: "mail" }), /another audience/],
    [
      "that has expired",
      () => issuer.token(claims, { expires: Math.floor(Date.now() / 1000) - 60 }),
      /expired/,
    ],
    ["that never expires", () => issuer.token(claims, { expires: null }), /never expires/],
    [
      "of tomorrow",
      () => issuer.token({ ...claims, nbf: Math.floor(Date.now() / 1000) + 3600 }),
      /not valid yet/,
    ],
    ["without a tenant", () => issuer.token({ ...claims, org: undefined }), /no `org`/],
    ["whose tenant is no text", () => issuer.token({ ...claims, org: { a: 1 } }), /no `org`/],
    ["signed by somebody else, who has the key's name", forged, /signature is wrong/],
    [
      "without a signature",
      async () =>
        `${base64url.encode('{"alg":"none"}')}.${new UnsecuredJWT({ iss: issuer.url, aud: "plimsoll", ...claims }).setExpirationTime("10m").encode().split(".")[1]}.AA`,
      /another algorithm/,
    ],
    ["signed with the public key", confused, /another algorithm/],
    [
      "with other claims under the same signature",
      async () => {
        const [head, , signature] = (await issuer.token(claims)).split(".");
        const other = { iss: issuer.url, aud: "plimsoll", ...claims, org: "rich", exp: 4e9 };
        return [head, base64url.encode(JSON.stringify(other)), signature].join(".");
      },
      /signature is wrong/,
    ],
    ["that is no token", async () => "eyJhIjoxfQ.e30.AAAA", /cannot be read|algorithm/],
  ];
  test.each(cases)("%s", async (_, make, why) => {
    const token = await make();
    const error = await ask(token);
    expect(error).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(error).toMatchObject({ code: "invalid_token", message: expect.stringMatching(why) as string });
    expect((await state(token)).status).toBe(401);
    expect(engine.recorded).toEqual([]);
  });

  test("where it says itself that its key is", async () => {
    const thief = await startIssuer();
    const asked = thief.asked;
    const token = await thief.token({ ...claims, iss: issuer.url });
    const [, payload, signature] = token.split(".");
    const head = base64url.encode(
      JSON.stringify({ alg: "ES256", kid: "zz", jku: thief.jwksUrl, x5u: thief.url }),
    );
    expect(await ask([head, payload, signature].join("."))).toMatchObject({ code: "invalid_token" });
    expect(thief.asked).toBe(asked);
    await thief[Symbol.asyncDispose]();
  });
});

test("a token that was verified is not verified again", async () => {
  const verify = vi.spyOn(TokenVerifier.prototype, "verify");
  const token = await issuer.token({ ...claims, sub: "cora" });
  const answers = await Promise.all([ask(token), ask(token), ask(token)]);
  expect([answers, await ask(token), await ask(token)]).toEqual([[null, null, null], null, null]);
  expect(verify).toHaveBeenCalledTimes(1);
  verify.mockRestore();
});

describe("the issuer's keys", () => {
  let own: Issuer;
  let verifier: TokenVerifier;
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    own = await startIssuer();
    const config: JwtConfig = {
      issuer: own.url,
      audience: ["plimsoll"],
      jwksUrl: own.jwksUrl,
      ca: null,
      algorithms: ["ES256"],
      tenantClaim: "sub",
      modelsClaim: null,
      rolesClaim: "roles",
      clientRoles: [],
      operatorRoles: [],
      clockToleranceSeconds: 5,
    };
    verifier = new TokenVerifier(config);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await own[Symbol.asyncDispose]();
  });
  const reason = async (token: string) =>
    verifier.verify(token).then(
      ({ tenant }) => tenant,
      (error: unknown) => (error as { reason: string }).reason,
    );

  test("are rotated: a new one is found, one that is withdrawn is not believed", async () => {
    const before = await own.token({ sub: "a" }, { expires: "2h" });
    expect(await reason(before)).toBe("a");
    await own.rotate(true);
    later(11_000);
    expect(await reason(await own.token({ sub: "b" }))).toBe("b");
    expect([await reason(before), own.asked]).toEqual(["a", 2]);
    await own.rotate(false);
    later(601_000);
    expect(await reason(before)).toBe("invalid_token");
  });

  test("are not asked for by every token that names another", async () => {
    await reason(await own.token({ sub: "a" }));
    const thief = await startIssuer();
    await thief.rotate(false);
    for (let i = 0; i < 20; i++)
      expect(await reason(await thief.token({ iss: own.url, sub: "x" }))).toBe("invalid_token");
    expect(own.asked).toBe(1);
    await thief[Symbol.asyncDispose]();
  });

  test.each([
    ["fails", 500, ""],
    ["answers no keys", 200, "<html>"],
    ["answers without end", 200, `{"keys":[${"1,".repeat(1 << 20)}1]}`],
  ])(
    "that cannot be had, as the issuer %s, are asked for seldom, and tokens wait",
    async (_, status, body) => {
      own.fail(status, body);
      for (let i = 0; i < 5; i++)
        expect(await reason(await own.token({ sub: "a" }))).toBe("keys_unreachable");
      expect(own.asked).toBe(1);
      own.fail(null);
      later(11_000);
      expect(await reason(await own.token({ sub: "a" }))).toBe("a");
    },
  );

  test("are not taken from where their URL sends to", async () => {
    const thief = await startIssuer();
    own.fail(302, "", { location: thief.jwksUrl });
    expect(await reason(await thief.token({ iss: own.url, sub: "x" }))).toBe("keys_unreachable");
    expect(thief.asked).toBe(0);
    await thief[Symbol.asyncDispose]();
  });

  test("that could be had an hour ago are used while they cannot", async () => {
    expect(await reason(await own.token({ sub: "a" }, { expires: "9h" }))).toBe("a");
    own.fail(500);
    const token = await own.token({ sub: "b" }, { expires: "9h" });
    later(700_000);
    expect(await reason(token)).toBe("b");
    later(3_600_000);
    expect(await reason(token)).toBe("keys_unreachable");
  });
});

test("known tokens are bounded, and end with their time", async () => {
  let now = 0;
  const known = new KnownTokens({ now: () => now });
  const verify = vi.fn<() => Promise<Identity>>(async () => ({
    id: "a",
    isClient: true,
    isOperator: false,
    isEngine: false,
    tenant: "a",
    models: null,
    pools: null,
    ranks: null,
    expiresMs: 1000,
  }));
  for (let i = 0; i < 5000; i++) await known.of(`${i}`, verify);
  verify.mockClear();
  await known.of("4999", verify);
  expect(verify).not.toHaveBeenCalled();
  await known.of("0", verify);
  expect(verify).toHaveBeenCalledTimes(1);
  now = 1001;
  await known.of("4999", verify);
  expect(verify).toHaveBeenCalledTimes(2);
  const slow = () => new Promise<never>(() => {});
  for (let i = 0; i < 256; i++) void known.of(`slow ${i}`, slow);
  expect(() => known.of("one more", slow)).toThrow(expect.objectContaining({ reason: "overloaded" }));
});

describe("check", () => {
  const found = async (more: string) => {
    await using folder = await scratchFolder();
    const path = await folder.write(
      "gateway.yaml",
      `access: { jwt: { issuer: a, audience: b, jwksUrl: ${more} } }\npools: [{ name: chat, kind: openai, models: [small, large], urls: ["${engine.url}"] }]`,
    );
    const { findings } = JSON.parse(await runHere("check", "--json", "--config", path)) as {
      findings: { what: string; reachable: boolean; finding: string }[];
    };
    process.exitCode = 0;
    return findings.filter(({ what }) => what === "access" || what === "tokens");
  };

  test("fetches the issuer's keys", async () => {
    expect(await found(issuer.jwksUrl)).toMatchObject([
      { reachable: true, finding: "clients show tokens of a" },
      { reachable: true, finding: `${issuer.jwksUrl} has 1 key` },
    ]);
    expect(await found(`${await deadUrl()}/keys`)).toMatchObject([
      { reachable: true },
      { reachable: false, finding: expect.stringMatching(/gives no keys \(.*ECONNREFUSED/) as string },
    ]);
  });

  test.each([
    ["http://sso.example/keys", /jwksUrl is http beyond this machine/],
    ["null", /jwksUrl is missing; expected `issuer`, `audience` and `jwksUrl` together/],
    ["https://user:pass@sso.example/keys", /jwksUrl is not shown.*expected a URL without user/],
    ["https://sso.example/keys, algorithms: [HS256]", /algorithms\[0\].*expected/],
  ])("%s is explained", async (url, message) => {
    await expect(found(url)).rejects.toThrow(message);
  });
});
