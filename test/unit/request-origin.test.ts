import { expect, test } from "vitest";
import { openOrigins } from "../open-origins.ts";

const reader = openOrigins({
  header: "x-tenant",
  sessionHeader: "x-session",
  priorityHeader: "x-priority",
});
const blind = openOrigins();

test("who asks: by the header, else by the key, else nobody", () => {
  expect(reader.read({ "x-tenant": "t1", authorization: "Bearer k" }, null).tenant).toBe("t1");
  expect(reader.read({ "x-tenant": "" }, null).tenant).toBe("anonymous");
  expect(blind.read({ "x-tenant": "t1" }, null).tenant).toBe("anonymous");
  const byKey = reader.read({ authorization: "Bearer secret" }, null).tenant;
  expect(byKey).toMatch(/^key-[0-9a-f]{12}$/);
  expect(reader.read({ authorization: "Bearer secret" }, null).tenant).toBe(byKey);
  expect(reader.read({ "x-api-key": "other" }, null).tenant).not.toBe(byKey);
  expect(reader.read({ "x-tenant": "t".repeat(1000) }, null).tenant).toHaveLength(128);
});

test.each([
  ["7", 7],
  ["-100", -100],
  ["101", 100],
  ["-1e9", -100],
  ["1e999", 0],
  ["0.5", 0],
  ["high", 0],
  ["", 0],
])("the priority %j is %d", (value, priority) => {
  expect(reader.read({ "x-priority": value }, null).priority).toBe(priority);
  expect(blind.read({ "x-priority": value }, null).priority).toBe(0);
});

test.each([
  ["3", 3],
  ["0", 0],
  ["-1", -1],
  ["1.5", -1],
  ["1e999", -1],
  ["two", -1],
])("the rank %j is %d", (value, rank) => {
  expect(reader.read({ "x-data-parallel-rank": value }, null).rank).toBe(rank);
});

test("the session, where its header is believed", () => {
  expect(reader.read({ "x-session": "s1" }, null).session).toBe("s1");
  expect(reader.read({}, null).session).toBeNull();
  expect(blind.read({ "x-session": "s1" }, null).session).toBeNull();
});
