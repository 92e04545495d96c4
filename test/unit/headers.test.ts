import { expect, test } from "vitest";
import { forwardedHeaders, requestIdOf, returnedHeaders } from "../../src/http/headers.ts";

test("headers of one connection, and those it names, are not forwarded", () => {
  const forwarded = forwardedHeaders(
    {
      host: "gateway",
      connection: "keep-alive, X-Hop",
      "x-hop": "1",
      "keep-alive": "5",
      "transfer-encoding": "chunked",
      "content-length": "3",
      "accept-encoding": "gzip",
      authorization: "Bearer x",
      "content-type": "application/json",
      "x-data-parallel-rank": "3",
    },
    "id-1",
  );
  expect(forwarded).toEqual({
    authorization: "Bearer x",
    "content-type": "application/json",
    "x-data-parallel-rank": "3",
    "x-request-id": "id-1",
  });
});

test("a response keeps its length and repeated headers, and loses its connection's", () => {
  const headers = {
    connection: "close, x-hop",
    "x-hop": "1",
    "content-length": "3",
    "set-cookie": ["a=1", "b=2"],
  };
  expect(returnedHeaders(headers)).toEqual({ "content-length": "3", "set-cookie": ["a=1", "b=2"] });
});

test.each(["", "two words", "tab\t", "é", "x".repeat(129)])("the request id %j is replaced", (own) => {
  expect(requestIdOf({ "x-request-id": own })).toMatch(/^[0-9a-f-]{36}$/);
});
