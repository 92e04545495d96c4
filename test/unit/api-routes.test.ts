import { expect, test } from "vitest";
import { API_ROUTES, enginePath, generates, routeOf } from "../../src/serving/request/api-routes.ts";

const CHAT = "/v1/chat/completions";

test("a path is there once, and only what takes JSON by POST generates", () => {
  expect(new Set(API_ROUTES.map(({ path }) => path)).size).toBe(API_ROUTES.length);
  for (const route of API_ROUTES.filter((one) => one.generates))
    expect([route.methods, route.body]).toEqual([["POST"], "json"]);
});

test.each([
  ["POST", CHAT, true],
  ["POST", `${CHAT}?a=1`, true],
  ["OPTIONS", CHAT, false],
  ["POST", "/v1/embeddings", false],
  ["POST", "/v1/responses/r1/cancel", false],
] as const)("%s %s generates: %s", (method, path, expected) => {
  expect(generates({ method, path })).toBe(expected);
});

test.each([
  [CHAT, CHAT],
  ["/v1/%63hat/completions", CHAT],
  [`${CHAT}?a=%20&b`, `${CHAT}?a=%20&b`],
  [`${CHAT}?a=1#b?c`, `${CHAT}?a=1`],
  [`${CHAT}#b?c`, CHAT],
  [`${CHAT}?`, `${CHAT}?`],
  [`http://elsewhere.example${CHAT}?a=1`, `${CHAT}?a=1`],
])("for the target %s an engine is asked for %s", (target, path) => {
  expect(enginePath(CHAT, null, target)).toBe(path);
});

test.each([
  ["POST", `${CHAT}?a=1`, CHAT, null],
  ["GET", CHAT, null, null],
  ["HEAD", "/v1/responses/r1", "/v1/responses/:id", "r1"],
  ["POST", "/v1/responses/a%2Fb/cancel?x", "/v1/responses/:id/cancel", "a/b"],
  ["GET", "/v1/responses/%zz", "/v1/responses/:id", "%zz"],
  ["GET", "/v1/responses/a/b", null, null],
  ["GET", "/v1/responses//input_items", null, null],
  ["GET", "/v1/models", null, null],
])("%s %s is for the route %s", (method, target, path, id) => {
  const found = routeOf(method, target);
  expect([found?.route.path ?? null, found?.id ?? null]).toEqual([path, id]);
});

test("an id is written as one segment, whatever is in it", () => {
  const path = enginePath("/v1/responses/:id/cancel", "a/../b $& ?#%é", "/v1/responses/x/cancel?y=1");
  expect(path).toBe("/v1/responses/a%2F..%2Fb%20%24%26%20%3F%23%25%C3%A9/cancel?y=1");
});
