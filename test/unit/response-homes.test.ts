import { expect, test } from "vitest";
import { ResponseHomes } from "../../src/serving/affinity/response-homes.ts";
import { ResponseId } from "../../src/serving/affinity/response-id.ts";

function found(...chunks: string[]): string[] {
  const ids: string[] = [];
  const reader = new ResponseId((id) => ids.push(id));
  for (const chunk of chunks) reader.take(Buffer.from(chunk));
  return ids;
}

test.each([
  [['{"id":"resp_1","object":"response"}'], ["resp_1"]],
  [['{ "id" : "resp_1", "output": [{"id":"msg_2"}]}'], ["resp_1"]],
  [['event: response.created\ndata: {"type":"response.created","response":{"id":"resp_3"}}\n\n'], ["resp_3"]],
  [["{", '"i', 'd":"re', 'sp_4"', "}"], ["resp_4"]],
  [['{"metadata":"\\"id\\"","id":"resp_5"}'], ["resp_5"]],
  [['{"object":"error"}'], []],
  [[`{"pad":"${"x".repeat(20_000)}","id":"resp_6"}`], []],
])("the id in %j", (chunks, ids) => {
  expect(found(...chunks)).toEqual(ids);
});

test("so many homes are remembered, those used last", () => {
  const homes = new ResponseHomes();
  homes.set("first", 7);
  for (let i = 0; i < 49_999; i++) homes.set(`r${i}`, 1);
  expect(homes.of("first")).toBe(7);
  for (let i = 0; i < 1000; i++) homes.set(`t${i}`, 1);
  expect(homes.of("first")).toBe(7);
  for (let i = 0; i < 100_000; i++) homes.set(`s${i}`, 2);
  homes.set("x".repeat(200), 3);
  expect(homes.size).toBeGreaterThan(40_000);
  expect(homes.size).toBeLessThanOrEqual(50_000);
  expect(["first", "s99999", "x".repeat(200)].map((id) => homes.of(id))).toEqual([-1, 2, -1]);
});
