import { expect, test } from "vitest";
import { orcaKvUse, takeOrcaKvUse } from "../../src/engines/http/orca.ts";
import { headerIndex, withHeaders } from "../../src/engines/http/request-headers.ts";

test("what is set stands in for every header of its name, however that is written; the rest keeps its order", () => {
  const client = [
    "Accept",
    "*/*",
    "X-Data-Parallel-RANK",
    "7",
    "b",
    "1",
    "x-data-parallel-rank",
    "8",
    "b",
    "2",
  ];
  expect(withHeaders(client, ["x-data-parallel-rank", "3"])).toEqual([
    "Accept",
    "*/*",
    "b",
    "1",
    "b",
    "2",
    "x-data-parallel-rank",
    "3",
  ]);
  expect(withHeaders(client, [])).toBe(client);
});

test("a header is found by its name, never by a value", () => {
  expect(headerIndex(["a", "name", "NAME", "a"], "name")).toBe(2);
  expect(headerIndex(["a", "name"], "name")).toBe(-1);
});

test.each([
  ['JSON {"named_metrics": {"kv_cache_usage_perc": 0.25, "num_requests_waiting": 1.0}}', 0.25],
  ['JSON {"named_metrics":{"kv_cache_utilization":0.4}}', 0.4],
  ['JSON {"named_metrics": {"kv_cache_usage_perc": 2e-05}}', 0.000_02],
  ['JSON {"named_metrics": {"kv_cache_usage_perc": 40.0}}', null],
  ['JSON {"named_metrics": {}}', null],
  ["", null],
])("the KV use that `%s` tells", (value, use) => {
  const headers = ["content-type", "application/json", "Endpoint-Load-Metrics", value, "x", "y"];
  expect(orcaKvUse(headers)).toBe(use);
  expect(takeOrcaKvUse(headers)).toBe(use);
  expect(headers).toEqual(["content-type", "application/json", "x", "y"]);
});
