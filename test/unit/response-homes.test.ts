import { expect, test } from "vitest";
import { ResponseHomes } from "../../src/serving/affinity/response-homes.ts";
import { isOwnedBy, ownedId } from "../../src/serving/affinity/response-owner.ts";
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

const at = (shard: number) => ({ shard, owner: null });

test("so many homes are remembered, those used last", () => {
  const homes = new ResponseHomes();
  homes.set("first", at(7));
  for (let i = 0; i < 49_999; i++) homes.set(`r${i}`, at(1));
  expect(homes.of("first")).toEqual(at(7));
  for (let i = 0; i < 1000; i++) homes.set(`t${i}`, at(1));
  expect(homes.of("first")).toEqual(at(7));
  for (let i = 0; i < 100_000; i++) homes.set(`s${i}`, at(2));
  homes.set("x".repeat(200), at(3));
  expect(homes.size).toBeGreaterThan(40_000);
  expect(homes.size).toBeLessThanOrEqual(50_000);
  expect(["first", "s99999", "x".repeat(200)].map((id) => homes.of(id))).toEqual([null, at(2), null]);
});

test("a home stays its owner's", () => {
  const homes = new ResponseHomes();
  homes.set("r", { shard: 1, owner: "a" });
  homes.set("r", { shard: 2, owner: "b" });
  homes.set("r", at(2));
  expect(homes.of("r")).toEqual({ shard: 1, owner: "a" });
  homes.set("r", { shard: 3, owner: "a" });
  expect(homes.of("r")?.shard).toBe(3);
});

test("an id tells its owner, and nothing else", () => {
  const ids = [ownedId("a"), ownedId("a")];
  expect(ids[0]).toMatch(/^resp_[0-9a-f]{64}$/);
  expect(ids.map((id) => [isOwnedBy(id, "a"), isOwnedBy(id, "b")])).toEqual([
    [true, false],
    [true, false],
  ]);
  const marks = ids.map((id) => id.slice(-32));
  expect(marks[0]).not.toBe(marks[1]);
  expect(isOwnedBy(`${ids[0].slice(0, -32)}${marks[1]}`, "a")).toBe(false);
  expect(["", "resp_", `${ids[0]}0`, ids[0].slice(1)].map((id) => isOwnedBy(id, "a"))).not.toContain(true);
});
