import { expect, test } from "vitest";
import { HEALTH, WatchedPool, WELL } from "../watched-pool.ts";

/** Of the pool before, shards 2 and 0 stay; the first here is new. */
const PREVIOUS = Int32Array.of(-1, 2, 0);

function resumed(before: WatchedPool, probed: (pool: WatchedPool) => void = () => {}): WatchedPool {
  const after = new WatchedPool(PREVIOUS.length);
  after.clock.ms = before.clock.ms;
  probed(after);
  after.health.resume(before.health, PREVIOUS);
  return after;
}

test("a circuit stays open where its shard goes on, for as long as it had", () => {
  const before = new WatchedPool(3);
  before.fail(2, 3);
  const { openForMs } = before.health.view(2);
  const after = resumed(before);
  expect(after.admitting).toEqual([1, 0, 1]);
  expect(after.health.view(1)).toMatchObject({ circuit: "open", openForMs, lastFailure: "connect" });
  after.tickAt(openForMs + 1);
  after.succeed(1);
  expect(after.health.view(1).circuit).toBe("closed");
});

test("what was counted of a shard counts on", () => {
  const before = new WatchedPool(3);
  before.succeed(0, 4);
  before.fail(0, 2);
  before.succeed(0, 1);
  before.fail(0, 2);
  before.succeed(0, 1);
  before.fail(0, 1);
  before.succeed(0, 1);
  // Of 12 requests 5 have failed: with two more it is half of them. Two alone are too few.
  const after = resumed(before);
  after.fail(2, 2);
  expect(after.health.view(2).circuit).toBe("open");
  const fresh = new WatchedPool(3);
  fresh.fail(2, 2);
  expect(fresh.health.view(2).circuit).toBe("closed");
});

test("an ejection lasts, and a slow start goes on", () => {
  const before = new WatchedPool(4);
  for (let shard = 0; shard < 4; shard++) before.succeed(shard, 20, shard === 2 ? 5000 : 10);
  before.tickAt(HEALTH.windowMs / 2);
  expect(before.admitting).toEqual([1, 1, 0, 1]);
  const after = resumed(before);
  expect(after.admitting).toEqual([1, 0, 1]);
  expect(after.health.view(1).ejectedForMs).toBe(before.health.view(2).ejectedForMs);
  after.tickAt(HEALTH.windowMs / 2 + HEALTH.outlier.ejectMs);
  expect(after.admitting).toEqual([1, 1, 1]);
  expect(after.states.weight[1]).toBeCloseTo(HEALTH.slowStart.floor);
});

test("a server that is away stays so, unless it was asked anew and has answered", () => {
  const before = new WatchedPool(3);
  before.probed(2, WELL);
  for (let i = 0; i < 3; i++) before.refused(2);
  before.probed(0, { ready: false, load: null, lack: "it loads its model" });
  const after = resumed(before);
  expect([...after.states.ready]).toEqual([1, 0, 0]);
  expect(after.health.view(1).lack).toMatch(/nobody takes connections there/);
  expect(after.health.view(2).lack).toBe("it loads its model");

  const asked = resumed(before, (pool) => pool.probed(1, WELL));
  expect([...asked.states.ready]).toEqual([1, 1, 0]);
  expect(asked.health.view(1).lack).toBeNull();
});

test("what servers listed is known until they are asked anew", () => {
  const before = new WatchedPool(3);
  before.health.news(before.servers[2], {
    kind: "models",
    cards: [{ id: "m" }, { id: "lora", parent: "m" }],
  });
  const after = new WatchedPool(3);
  after.health.resume(before.health, Int32Array.of(0, 1, 2));
  expect(after.health.models.parentOf("lora")).toBe("m");
  expect(after.states.models[2]?.has("lora")).toBe(true);
  expect(after.states.models[0]?.has("lora")).toBe(false);
});

test("a shard that joins others starts slowly; the first of a pool have nobody to leave the most to", () => {
  const after = resumed(new WatchedPool(3));
  expect([...after.states.weight]).toEqual([HEALTH.slowStart.floor, 1, 1]);
  const first = new WatchedPool(2);
  first.health.resume(new WatchedPool(0).health, Int32Array.of(-1, -1));
  expect([...first.states.weight]).toEqual([1, 1]);
});

test("what was said of a server that stays is not said again", () => {
  const before = new WatchedPool(3);
  before.probed(2, { ...WELL, ready: false, lack: "loading" });
  before.probed(2, { ...WELL, ready: false, lack: "loading" });
  const said = before.notices.filter((line) => line.includes("is not ready"));
  const after = new WatchedPool(3);
  after.health.resume(before.health, Int32Array.of(0, 1, 2));
  after.probed(2, { ...WELL, ready: false, lack: "loading" });
  expect([said.length, after.notices.filter((line) => line.includes("is not ready"))]).toEqual([1, []]);
});
