import { expect, test } from "vitest";
import { forwardedHeaders, requestIdOf, returnedHeaders } from "../../src/http/headers.ts";
import { headerOf } from "../../src/serving/header-list.ts";

test("headers of one connection, and those it names, are not forwarded", () => {
  const connection = "keep-alive, X-Hop";
  const raw = [
    ["Host", "gateway"],
    ["Connection", connection],
    ["x-hop", "1"],
    ["Keep-Alive", "5"],
    ["Transfer-Encoding", "chunked"],
    ["Content-Length", "3"],
    ["Accept-Encoding", "gzip"],
    ["Expect", "100-continue"],
    ["X-Request-Id", "theirs"],
    ["X-Data-Parallel-Rank", "3"],
    ["X-Override-Routed-DP-Rank", "3"],
    ["x-override-bootstrap-host", "169.254.169.254"],
    ["Authorization", "Bearer x"],
    ["content-type", "application/json"],
    ["x-two", "1"],
    ["x-two", "2"],
  ].flat();
  const kept = ["Authorization", "Bearer x", "content-type", "application/json", "x-two", "1", "x-two", "2"];
  expect(forwardedHeaders(raw, connection, "id-1", false)).toEqual([...kept, "x-request-id", "id-1"]);
});

test("where the gateway looks into keys they end there; what is said in its name ends there always", () => {
  const keys = ["Authorization", "Bearer x", "X-Api-Key", "x", "api-key", "x"];
  const own = ["X-Plimsoll-Peer", "127.0.0.1", "x-plimsoll-shard", "a"];
  expect(forwardedHeaders([...keys, ...own], undefined, "id-1", true)).toEqual(["x-request-id", "id-1"]);
  expect(forwardedHeaders([...keys, ...own], undefined, "id-1", false)).toEqual([
    ...keys,
    "x-request-id",
    "id-1",
  ]);
});

test("a response keeps its length and repeated headers, and loses its connection's", () => {
  const kept = ["content-length", "3", "set-cookie", "a=1", "Set-Cookie", "b=2"];
  const headers = ["connection", "close, x-hop", "x-hop", "1", "transfer-encoding", "chunked", ...kept];
  expect(returnedHeaders(headers, false, false)).toEqual(kept);
});

test("what the gateway says itself, an engine that is a gateway does not say too", () => {
  const inner = ["X-Plimsoll-Shard", "inner/1", "x-plimsoll-epoch", "7", "X-Request-Id", "theirs"];
  const cors = ["Access-Control-Allow-Origin", "*", "access-control-max-age", "1"];
  expect(returnedHeaders([...inner, ...cors, "a", "access-control-b"], false, false)).toEqual([
    ...cors,
    "a",
    "access-control-b",
  ]);
  expect(returnedHeaders([...inner, ...cors, "a", "access-control-b"], true, false)).toEqual([
    "a",
    "access-control-b",
  ]);
});

test("a header is found whatever its case, the first of that name", () => {
  const headers = ["Content-Typo", "a", "Content-Type", "b", "content-type", "c"];
  expect(headerOf(headers, "content-type")).toBe("b");
  expect(headerOf(headers, "b")).toBeUndefined();
});

test.each(["", "two words", "tab\t", "é", "x".repeat(129)])("the request id %j is replaced", (own) => {
  expect(requestIdOf({ "x-request-id": own })).toMatch(/^[0-9a-f-]{36}$/);
});
