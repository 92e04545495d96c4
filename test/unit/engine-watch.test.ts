import { beforeEach, describe, expect, test } from "vitest";
import { EngineWatch } from "../../src/control/ingest/engine-watch.ts";
import type { EngineWindow } from "../../src/control/messages/engine-window.ts";
import { engineWindow } from "../engine-window.ts";

const WALL_MS = 1_700_000_000_000;

let nowMs: number;
let inFlight: number;
let watch: EngineWatch;
beforeEach(() => {
  nowMs = 0;
  inFlight = 1;
  watch = new EngineWatch(null, nowMs);
});

function moment() {
  return { nowMs, atMs: WALL_MS + nowMs, inFlight };
}

/** A report comes, a second after the last. */
function report(differences: Partial<EngineWindow>): readonly string[] {
  nowMs += 1000;
  watch.receive(engineWindow(differences), moment());
  return kinds();
}

/** So many seconds go by. */
function pass(seconds: number): readonly string[] {
  for (let i = 0; i < seconds; i++) {
    nowMs += 1000;
    watch.pass(moment());
  }
  return kinds();
}

function kinds(): readonly string[] {
  return watch.engine?.faults.map(({ kind }) => kind) ?? [];
}

/** Each report in turn. */
function eachOf(reports: readonly Partial<EngineWindow>[]): readonly (readonly string[])[] {
  return reports.map(report);
}

test("says what the last report said, and when it came", () => {
  expect(watch.engine).toBeNull();
  expect(report({ step: 50, otherTable: [3] })).toEqual([]);
  report({ step: 60, otherTable: [2, 3] });
  const { counts: _counts, empty: _empty, otherMap: _map, otherTable: _table, ...said } = engineWindow({});
  expect(watch.engine).toEqual({
    ...said,
    step: 60,
    stepsSinceRebalance: 10,
    measuredAtMs: WALL_MS + 2000,
    faults: [
      {
        kind: "table",
        ranks: [3],
        sinceMs: WALL_MS + 2000,
        text: "rank 3 is dispatching by another table than planned",
      },
    ],
  });
});

describe("stopped", () => {
  test("is who has gone more than twice as many steps without a rebalance, until the next one", () => {
    expect(eachOf([{ step: 5000 }, { step: 5200 }, { step: 5201 }, { step: 9000 }])).toEqual([
      [],
      [],
      ["stopped"],
      ["stopped"],
    ]);
    expect(watch.engine?.faults[0]).toMatchObject({
      sinceMs: WALL_MS + 3000,
      text: "it has not rebalanced for 4000 steps, and should every 100",
    });
    expect(report({ step: 9001, rebalances: 1 })).toEqual([]);
    expect(
      eachOf([
        { step: 9201, rebalances: 1 },
        { step: 9202, rebalances: 1 },
      ]),
    ).toEqual([[], ["stopped"]]);
  });

  test("is nobody who starts again, changes its version, or has its balancing off", () => {
    const stop = () => expect(report({ step: 1e6, rebalances: 3 })).toEqual(["stopped"]);
    report({ step: 0, rebalances: 3 });
    stop();
    expect(report({ step: 10, rebalances: 3 })).toEqual([]);
    stop();
    expect(report({ step: 1e6, rebalances: 2 })).toEqual([]);
    report({ step: 0, rebalances: 3 });
    stop();
    expect(report({ step: 1e6, rebalances: 3, rebalanceEvery: 0 })).toEqual([]);
    stop();
    expect(report({ step: 2e6, rebalances: 3, name: "vllm 0.33.0" })).toEqual([]);
  });
});

describe("frozen", () => {
  test("is who has the same counts in three windows while steps advance, until they move", () => {
    const same = (step: number) => ({ step, counts: "same" });
    expect(eachOf([same(1), same(2), same(3), same(4), { step: 5 }, same(6), same(7)])).toEqual([
      [],
      [],
      ["frozen"],
      ["frozen"],
      [],
      [],
      [],
    ]);
  });

  test("is nobody without steps, nor one that starts again", () => {
    const same = (step: number) => ({ step, counts: "same" });
    expect(eachOf([same(5), same(5), same(5), same(5), same(6)]).flat()).toEqual([]);
    expect(report(same(7))).toEqual(["frozen"]);
    expect(report(same(7))).toEqual(["frozen"]);
    expect(eachOf([same(1), same(2)]).flat()).toEqual([]);
  });

  test("by empty windows is only who has requests in flight in three of them, until one is not empty", () => {
    const none = (step: number) => ({ step, counts: "none", empty: true });
    inFlight = 0;
    expect(eachOf([1, 2, 3, 4, 5].map(none)).flat()).toEqual([]);
    inFlight = 1;
    expect(eachOf([none(6), none(7)]).flat()).toEqual([]);
    inFlight = 0;
    expect(report(none(8))).toEqual([]);
    inFlight = 1;
    expect(eachOf([9, 10, 11].map(none))).toEqual([[], [], ["frozen"]]);
    inFlight = 0;
    expect(report(none(12))).toEqual(["frozen"]);
    expect(report({ step: 13 })).toEqual([]);
  });
});

test("map and table have the ranks that two reports in a row name, since the same time", () => {
  expect(report({ step: 1, otherMap: [0, 2], otherTable: [1] })).toEqual([]);
  expect(report({ step: 2, otherMap: [0, 2, 3], otherTable: [0] })).toEqual(["map"]);
  expect(watch.engine?.faults).toMatchObject([{ ranks: [0, 2], sinceMs: WALL_MS + 2000 }]);
  expect(report({ step: 3, otherMap: [2], otherTable: [0] })).toEqual(["map", "table"]);
  expect(report({ step: 4, otherMap: [2] })).toEqual(["map"]);
  expect(watch.engine?.faults).toEqual([
    {
      kind: "map",
      ranks: [2],
      sinceMs: WALL_MS + 2000,
      text: "rank 2 is on another map of experts than most",
    },
  ]);
  expect(report({ step: 5 })).toEqual([]);
  expect(report({ step: 6, otherMap: [2] })).toEqual([]);
  // Of a new start nothing was seen before.
  expect(report({ step: 5, otherMap: [2] })).toEqual([]);
  expect(report({ step: 6, otherMap: [2] })).toEqual(["map"]);
  watch = new EngineWatch(watch.engine, nowMs);
  expect(report({ step: 7, otherMap: [2] })).toEqual(["map"]);
});

describe("silent", () => {
  test("is who has not reported for three windows and a minute while it has requests, until it does", () => {
    expect(pass(60)).toEqual([]);
    report({ step: 1 });
    expect(pass(60)).toEqual([]);
    expect(pass(1)).toEqual(["silent"]);
    inFlight = 0;
    expect(pass(60)).toEqual(["silent"]);
    expect(watch.engine?.faults[0].sinceMs).toBe(WALL_MS + 60_000 + 62_000);
    expect(report({ step: 2, windowMs: 30_000 })).toEqual([]);
    inFlight = 1;
    expect(pass(90)).toEqual([]);
    expect(pass(1)).toEqual(["silent"]);
  });

  test("is nobody who is idle: no step is taken, and none reported", () => {
    report({ step: 1, otherMap: [2] });
    report({ step: 2, otherMap: [2] });
    inFlight = 0;
    expect(pass(600)).toEqual(["map"]);
    inFlight = 1;
    expect(pass(60)).toEqual(["map"]);
    expect(pass(1)).toEqual(["map", "silent"]);
  });

  test("for a day is nobody any more", () => {
    report({ step: 1 });
    pass(61);
    nowMs += 86_390_000;
    pass(1);
    expect(watch.engine).toBeNull();
    expect(report({ step: 2 })).toEqual([]);
  });
});

test("another watch goes on where one was", () => {
  report({ step: 1, counts: "same" });
  for (const step of [200, 300]) report({ step, counts: "same" });
  expect(kinds()).toEqual(["stopped", "frozen"]);
  const before = watch.engine;
  watch = new EngineWatch(before, nowMs);
  expect(watch.engine).toBe(before);
  expect(report({ step: 301, counts: "same" })).toEqual(["stopped", "frozen"]);
  expect(watch.engine?.stepsSinceRebalance).toBe(300);
  expect(watch.engine?.faults.map(({ sinceMs }) => sinceMs)).toEqual([WALL_MS + 3000, WALL_MS + 3000]);
  expect(report({ step: 302 })).toEqual(["stopped"]);
  watch = new EngineWatch(watch.engine, nowMs);
  expect(pass(61)).toEqual(["stopped", "silent"]);
  watch = new EngineWatch(watch.engine, nowMs);
  expect(kinds()).toEqual(["stopped", "silent"]);
  expect(report({ step: 303 })).toEqual(["stopped"]);
});
