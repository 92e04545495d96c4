import { describe, expect, test } from "vitest";
import { NOTHING_YET, type PoolState, receive } from "../../src/dashboard/live/state.ts";
import { isPaused, statusOf } from "../../src/dashboard/status/pool-status.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import type { DecisionRecord } from "../../src/model/decision-record.ts";
import type { PoolState as Condition } from "../../src/model/pool-state.ts";
import { poolReport } from "./pool-report-fixture.ts";
import { decision, poolState } from "./pool-state-fixture.ts";

const WELL = { gateway: "gw-1", store: { name: "memory", fault: null } };

const ENGINE = {
  name: "vllm 0.32",
  step: 1,
  rebalances: 12,
  rebalanceEvery: 3000,
  stepsSinceRebalance: 1,
  dispatch: "even",
  balancedness: null,
  ranks: 2,
  windowMs: 1,
  measuredAtMs: 1,
  faults: [],
};

function pool(
  condition: Partial<Condition> = {},
  report: Partial<PoolReport> = {},
  decisions: readonly DecisionRecord[] = [],
): PoolState {
  const messages = [
    { type: "report", value: poolReport({ balancedness: 0.9, ...report }), atMs: 10_000 },
    { type: "state", value: poolState(condition), atMs: 10_000 },
    { type: "decisions", value: { pool: "p", decisions }, atMs: 10_000 },
  ] as const;
  const state = messages.reduce(receive, NOTHING_YET);
  return state.pools.get("p") as PoolState;
}

test("a pool that is well has one quiet line and no alarm", () => {
  const { calm, alarms } = statusOf(pool(), WELL, 11_400);
  expect(alarms).toEqual([]);
  expect(calm).toEqual([
    "2 of 2 ranks",
    "nothing missing",
    expect.stringMatching(/^led by gw-1 since \d\d:\d\d:\d\d$/) as string,
    "data 1 s old",
  ]);
});

test("a name that is written from right to left, or turns what follows, ends with itself", () => {
  const led = (gateway: string) => statusOf(pool({ leader: { gateway, sinceMs: 0 } }), WELL, 11_000).calm[2];
  expect(led("\u202egw")).toMatch(/^led by \u2068\u202egw\u2069 since \d/);
  expect(led("שער")).toMatch(/^led by \u2068שער\u2069 since \d/);
  expect(led("gw-ü 🚀")).toMatch(/^led by gw-ü 🚀 since \d/);
});

describe("an alarm", () => {
  const first = (...given: Parameters<typeof pool>) => statusOf(pool(...given), WELL, 11_000).alarms;

  test("tells lost ranks and missing experts, the worse first, and they are not among what is well", () => {
    const lost = [
      { rank: 0, how: "silent" },
      { rank: 1, how: "reported" },
    ] as const;
    const missing = [
      { layer: 3, experts: [1, 2] },
      { layer: 5, experts: [0] },
    ];
    expect(first({ lost, missing })).toEqual([
      "3 experts have no replica, in 2 layers.",
      "2 of 2 ranks lost: 0 (silent), 1 (reported).",
    ]);
    expect(statusOf(pool({ lost, missing }), WELL, 11_000).calm.join()).not.toMatch(/ranks|missing/);
    expect(first({ missing: [{ layer: 9, experts: [4] }] })).toEqual([
      "1 expert has no replica, in layer 9.",
    ]);
  });

  test("tells a pool past its load line, and none at it", () => {
    expect(first({}, { balancedness: 0.5 })[0]).toBe(
      "Past the load line: steps take 2.00 × an even split's, the line is at 1.25 ×.",
    );
    expect(first({}, { balancedness: 0.8 })).toEqual([]);
    expect(first({ loadLine: 2 }, { balancedness: 0.5 })).toEqual([]);
    expect(first({}, { balancedness: null, tokensPerSecond: 0 })).toEqual([]);
  });

  test("is not the header's Live while a pool's reports have stopped", () => {
    expect([isPaused(10_000, 14_000), isPaused(10_000, 15_001), isPaused(null, 99_000)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("tells a simulation that lags", () => {
    expect(first({}, { lagMs: 165_000 })).toEqual([
      "The simulation is 165 s behind its clock in all: this machine is too busy for it.",
    ]);
    expect(first({}, { lagMs: 800 })).toEqual([]);
  });

  test("tells reports that stopped, although other events come", () => {
    const { calm, alarms } = statusOf(pool(), WELL, 26_000);
    expect(alarms).toEqual([
      expect.stringMatching(/^No report since \d\d:\d\d:\d\d: what is shown is of then\.$/) as string,
    ]);
    expect(calm.join()).not.toContain("old");
  });

  test("is none for an engine that balances by itself and has no fault", () => {
    const { calm, alarms } = statusOf(pool({ engine: { ...ENGINE, balancedness: 0.93 } }), WELL, 11_000);
    expect(alarms).toEqual([]);
    expect(calm).toContain("vllm 0.32 has rebalanced 12 times by itself at balancedness 0.930");
    const off = { ...ENGINE, rebalanceEvery: 0 };
    expect(statusOf(pool({ engine: off }), WELL, 11_000).calm).toContain(
      "vllm 0.32 does not balance by itself",
    );
  });

  test("tells a store that fails, a pool without a leader, held placements, and an engine's faults", () => {
    const fault = { kind: "stopped", ranks: [], sinceMs: 5, text: "it rebalances no more" };
    const engine = { ...ENGINE, faults: [fault] };
    const broken = { ...WELL, store: { name: "redis", fault: "ECONNREFUSED" } };
    const { alarms } = statusOf(pool({ leader: null, paused: true, engine }), broken, 11_000);
    expect(alarms).toEqual([
      "The store does not work: ECONNREFUSED.",
      "Nobody is known to lead the pool.",
      expect.stringMatching(/^vllm 0\.32: it rebalances no more, since /) as string,
      "An operator holds placements.",
    ]);
  });

  test("tells that the last change was given up, until one is done", () => {
    const given = decision({ id: 1, state: "given up", why: "rank 3 is lost" });
    expect(first({}, {}, [given])).toEqual(["The last change was given up: rank 3 is lost."]);
    expect(first({}, {}, [given, decision({ id: 2 })])).toEqual([]);
    expect(first({}, {}, [given, decision({ id: 2, kind: "kept" })])).toHaveLength(1);
  });
});
