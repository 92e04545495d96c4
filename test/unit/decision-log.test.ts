import { describe, expect, test } from "vitest";
import { DecisionLog, type Decided } from "../../src/control/lead/decision-log.ts";
import type { Explanation } from "../../src/core/planning/explanation.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";

const LAYERS = 2;
const PLACED: Decided = { kind: "placement", reason: "re-placed", weighed: null };
const WEIGHED: Explanation = {
  dispatch: "priced",
  load: { tokensPerSecond: 1, hottest: [] },
  inForce: { balancedness: 0.5, nodeHops: 2, cost: 3 },
  candidates: [
    {
      balancedness: 0.75,
      nodeHops: 1,
      cost: 2,
      movedSlots: 4,
      movedBytes: 40,
      transferMs: 1,
      gain: 0.1,
      neededGain: 0.2,
    },
  ],
  best: 0,
  after: { balancedness: 0.75, nodeHops: 1, cost: 2 },
  verdict: "not worth its moves",
};

function logged(left: DecisionLog["records"] = []) {
  let nowMs = 1000;
  const log = new DecisionLog(left, LAYERS, "began", () => nowMs);
  /** @param balancedness of each second */
  const pass = (balancedness: number, seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      nowMs += 1000;
      log.observe({
        spanMs: 1000,
        tokens: 10,
        sumMean: balancedness,
        sumMax: 1,
        nodeHops: 30,
      } as PoolWindow);
    }
  };
  const record = (id: number) => log.records.find((one) => one.id === id);
  return { log, pass, record, now: () => nowMs };
}

describe("a placement", () => {
  test("is held against what was measured before it, by what is measured once all of it is in force", () => {
    const { log, pass, record } = logged();
    pass(0.5, 100);
    const id = log.begin(PLACED);
    log.staged(id, 2);
    expect(record(id)).toMatchObject({ state: "under way", stages: { done: 0, of: 2 }, after: null });
    pass(0.5, 3);
    log.published(id, { slots: 3, bytes: 30 });
    pass(0.6, 2);
    expect(record(id)?.after).toBeNull();
    log.published(id, { slots: 1, bytes: 10 });
    log.end(id, null);
    pass(0.9, 200);
    pass(0.1, 100);
    expect(record(id)).toMatchObject({
      state: "done",
      stages: { done: 2, of: 2 },
      movedSlots: 4,
      movedBytes: 40,
      before: { spanMs: 60_000, balancedness: 0.5, nodeHops: 1.5, tokensPerSecond: 10 },
    });
    expect(record(id)?.after?.balancedness).toBeCloseTo(0.9, 9);
  });

  test("that is given up ends once, and keeps what was published", () => {
    const { log, record } = logged();
    const id = log.begin(PLACED);
    log.staged(id, 3);
    log.published(id, { slots: 2, bytes: 2 });
    log.end(id, "rank 3 is lost");
    const over = record(id);
    expect(over).toMatchObject({ state: "given up", why: "rank 3 is lost", movedSlots: 2 });
    log.published(id, { slots: 2, bytes: 2 });
    log.end(id, null);
    expect(record(id)).toEqual(over);
  });

  test("under way under a leader that went is given up, and numbers go on from there", () => {
    const before = logged();
    const id = before.log.begin(PLACED);
    const { log, record } = logged(before.log.records);
    expect(record(id)).toMatchObject({ state: "given up", why: "its leader went" });
    expect(log.isDue(0)).toBe(true);
    expect(log.begin(PLACED)).toBe(id + 1);
  });
});

describe("shares, and placements that were kept", () => {
  test("are one record each until experts are placed anew", () => {
    const { log } = logged();
    for (let i = 0; i < 5; i++) {
      log.kept(`kept ${i}`, WEIGHED);
      log.shares(`shares ${i}`, null);
    }
    log.end(log.begin(PLACED), null);
    log.kept("kept", WEIGHED);
    expect(log.records.map(({ kind, times, state, reason }) => [kind, times, state, reason])).toEqual([
      ["kept", 5, "done", "kept 4"],
      ["shares", 5, "done", "shares 4"],
      ["placement", 1, "done", "re-placed"],
      ["kept", 1, "done", "kept"],
    ]);
    expect(log.records[0].weighed).toEqual({
      before: { balancedness: 0.5, nodeHops: 2 },
      after: { balancedness: 0.75, nodeHops: 1 },
      movedSlots: 4,
      movedBytes: 40,
      gain: 0.1,
      neededGain: 0.2,
    });
  });

  test("do not end what is measured of a placement", () => {
    const { log, pass, record } = logged();
    const id = log.begin(PLACED);
    log.published(id, { slots: 1, bytes: 1 });
    log.end(id, null);
    pass(0.5, 10);
    log.shares("shares", null);
    pass(1, 10);
    expect(record(id)?.after).toMatchObject({ spanMs: 20_000, balancedness: 0.75 });
  });
});

test("the oldest of many are forgotten, and what has not changed is not stored again", () => {
  const { log, now } = logged();
  for (let i = 0; i < 250; i++) log.end(log.begin(PLACED), null);
  expect(log.records).toHaveLength(100);
  expect(log.records.at(-1)?.id).toBe(250);
  expect(log.isDue(now())).toBe(true);
  expect(log.isDue(now())).toBe(false);
});

test("shares that follow each other are stored every few seconds, the first at once", () => {
  const { log, pass, now } = logged();
  log.shares("shares", null);
  expect(log.isDue(now())).toBe(true);
  let stored = 0;
  for (let i = 0; i < 60; i++) {
    pass(0.5, 1);
    log.shares("shares", null);
    if (log.isDue(now())) stored++;
  }
  expect(stored).toBe(12);
  expect(log.records).toMatchObject([{ kind: "shares", times: 61 }]);
});

test("what is measured after a change is stored every few seconds", () => {
  const { log, pass, now } = logged();
  const id = log.begin(PLACED);
  log.published(id, { slots: 1, bytes: 1 });
  log.end(id, null);
  log.isDue(now());
  let stored = 0;
  for (let i = 0; i < 120; i++) {
    pass(0.5, 1);
    if (log.isDue(now())) stored++;
  }
  expect(stored).toBe(13);
});
