import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Access } from "../../src/access/access.ts";
import { claimAt, rolesIn, textIn } from "../../src/access/claims.ts";
import { credentialOf } from "../../src/access/credential.ts";
import type { AccessKey } from "../../src/config/access-config.ts";
import { keyHash } from "../../src/config/operator-key.ts";
import { runs } from "../runs.ts";

const counted = { hashes: 0, compared: 0 };
const { hash, timingSafeEqual } = crypto;

/** What the gateway's modules have imported of it counts from now on. */
beforeAll(() => {
  const counting = {
    hash: (...terms: Parameters<typeof hash>) => {
      counted.hashes++;
      return hash(...terms);
    },
    timingSafeEqual: (...terms: Parameters<typeof timingSafeEqual>) => {
      counted.compared++;
      return timingSafeEqual(...terms);
    },
  };
  Object.assign(crypto, counting);
  syncBuiltinESMExports();
});
afterAll(() => {
  Object.assign(crypto, { hash, timingSafeEqual });
  syncBuiltinESMExports();
});

const KEY = "sk-0123456789abcdefghij";
let now = 0;
const key = (more: Partial<AccessKey>): AccessKey => ({
  id: "k",
  hash: keyHash(KEY),
  role: "client",
  tenant: "t",
  models: null,
  expiresMs: null,
  pools: null,
  ranks: null,
  ...more,
});
const accessOf = (...keys: AccessKey[]) =>
  new Access({ access: { keys, jwt: null, anonymous: false }, operatorKeyHash: null }, { now: () => now });
const reasonOf = (access: Access, authorization: string) => {
  try {
    void access.identify({ authorization });
    return null;
  } catch (error) {
    return (error as { reason: string }).reason;
  }
};

beforeEach(() => {
  now = 0;
  counted.hashes = 0;
  counted.compared = 0;
});

test("whatever is wrong with a key, it is found after one hash; the right one is compared in constant time", () => {
  const access = accessOf(key({}), key({ id: "old", hash: keyHash("old"), expiresMs: 0 }));
  const wrong = ["x", KEY.slice(0, -1), `${KEY}x`, KEY.toUpperCase(), "y".repeat(10_000), "old"];
  for (const shown of wrong) {
    counted.hashes = 0;
    expect(reasonOf(access, `Bearer ${shown}`)).toMatch(/^(?:invalid_api_key|key_expired)$/);
    expect([shown, counted.hashes]).toEqual([shown, 1]);
  }
  counted.compared = 0;
  expect(reasonOf(access, `Bearer ${KEY}`)).toBeNull();
  expect(counted.compared).toBe(1);
});

test("a key is good until its time has come, to the millisecond", () => {
  const access = accessOf(key({ expiresMs: 1000 }));
  now = 999;
  expect(reasonOf(access, `Bearer ${KEY}`)).toBeNull();
  now = 1000;
  expect(reasonOf(access, `Bearer ${KEY}`)).toBe("key_expired");
});

test("who has to show something follows from whose keys there are", () => {
  const of = (...roles: AccessKey["role"][]) => {
    const access = accessOf(...roles.map((role, i) => key({ id: role, hash: keyHash(`${i}`), role })));
    return [access.asksClients, access.knowsOperators, access.knowsEngines];
  };
  expect(of()).toEqual([false, false, false]);
  expect(of("client")).toEqual([true, false, false]);
  expect(of("operator")).toEqual([false, true, false]);
  expect(of("engine")).toEqual([false, false, true]);
  expect(of("engine", "client", "operator")).toEqual([true, true, true]);
});

test.each([
  [{ authorization: "Bearer a" }, "a"],
  [{ authorization: "bearer  a " }, "a"],
  [{ authorization: "Basic a" }, ""],
  [{ authorization: "a" }, ""],
  [{ "x-api-key": "b" }, "b"],
  [{ "api-key": "c" }, "c"],
  // What is no bearer's is not looked for elsewhere: something in front may have put that there.
  [{ authorization: "Basic a", "x-api-key": "b" }, ""],
  [{}, ""],
])("%j shows %j", (headers, shown) => {
  expect(credentialOf(headers)).toBe(shown);
});

test.each<[string, unknown]>([
  ["sub", "anna"],
  ["realm.roles", ["a"]],
  ["https://x.example/org", "o"],
  ["realm.none", undefined],
  ["sub.length", undefined],
  ["realm.roles.0", "a"],
  ["toString", undefined],
  ["__proto__.x", undefined],
])("the claim %s is %j", (path, value) => {
  expect(claimAt({ sub: "anna", realm: { roles: ["a"] }, "https://x.example/org": "o" }, path)).toEqual(
    value,
  );
});

test("a tenant is a short text that can be shown; roles are names", () => {
  expect([textIn("a b"), textIn(""), textIn("a\n"), textIn("é"), textIn("x".repeat(129)), textIn(7)]).toEqual(
    ["a b", null, null, null, null, null],
  );
  expect([rolesIn("a  b"), rolesIn(["a", 1, null]), rolesIn({}), rolesIn(undefined)]).toEqual([
    ["a", "b"],
    ["a"],
    [],
    [],
  ]);
});

test("whatever is shown, it is known or refused, and nothing else", () => {
  const access = accessOf(key({}));
  const shown = fc.oneof(
    fc.string(),
    fc.constantFrom(KEY, `${KEY} `, "__proto__", "constructor", "eyJhIjoxfQ.e30.AA"),
  );
  const header = fc.constantFrom("authorization", "x-api-key", "api-key", "cookie");
  const scheme = fc.constantFrom("", "Bearer ", "bearer\t", "Basic ", "Bearer Bearer ");
  fc.assert(
    fc.property(fc.array(fc.tuple(header, scheme, shown)), (parts) => {
      const headers = Object.fromEntries(parts.map(([name, before, value]) => [name, before + value]));
      try {
        expect(access.identify(headers)).toMatchObject({ id: "k" });
        expect(JSON.stringify(headers)).toContain(KEY);
      } catch (error) {
        expect(error).toMatchObject({ name: "AccessDenied", reason: "invalid_api_key" });
      }
    }),
    { seed: 1, numRuns: runs(200) },
  );
});
