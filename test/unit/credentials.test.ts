import fc from "fast-check";
import { expect, test } from "vitest";
import { accessHeaders, withoutCredentials } from "../../src/engines/http/credentials.ts";

const CREDENTIALS = [
  "Authorization",
  "Proxy-Authorization",
  "x-api-key",
  "X-API-KEY",
  "api-key",
  "apikey",
  "x-goog-api-key",
  "Ocp-Apim-Subscription-Key",
  "x-functions-key",
  "Cookie",
  "cookie2",
  "x-auth-token",
  "x-access-token",
  "X-Amz-Security-Token",
  "x-csrf-token",
  "x-forwarded-access-token",
  "x-forwarded-authorization",
  "x-amzn-oidc-data",
  "x-goog-iap-jwt-assertion",
  "cf-access-jwt-assertion",
  "x-client-secret",
  "dpop",
  "x_api_key",
  "x-rapidapi-key",
  "x-portkey-virtual-key",
  "helicone-auth",
];
const OTHERS = [
  "content-type",
  "accept",
  "idempotency-key",
  "x-request-id",
  "anthropic-version",
  "anthropic-beta",
  "openai-organization",
  "traceparent",
  "user-agent",
  "x-stainless-lang",
  "x-data-parallel-rank",
  "x-max-tokens",
  "x-tokenizer",
  "x-keyword",
  "x-prompt-cache-key",
  "x-author",
];

test("no credential of a client's is passed on, and everything else is, in its order", () => {
  const header = fc.tuple(fc.constantFrom(...CREDENTIALS, ...OTHERS), fc.string());
  fc.assert(
    fc.property(fc.array(header), (headers) => {
      const kept = headers.filter(([name]) => OTHERS.includes(name)).flat();
      expect(withoutCredentials(headers.flat())).toEqual(kept);
    }),
    { seed: 1 },
  );
});

test("a server's own credentials are the pool's key, or its URL's user", () => {
  const access = { host: "engines.test", authorization: "Basic eA==", tls: null };
  expect(accessHeaders(null, null)).toEqual([]);
  expect(accessHeaders(null, "k")).toEqual(["authorization", "Bearer k"]);
  expect(accessHeaders(access, null)).toEqual(["host", "engines.test", "authorization", "Basic eA=="]);
});
