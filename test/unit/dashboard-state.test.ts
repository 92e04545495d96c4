import { expect, test } from "vitest";
import {
  type Message,
  NOTHING_YET,
  missedPool,
  receive,
  shownPool,
  type State,
} from "../../src/dashboard/live/state.ts";
import type { History, PoolSample } from "../../src/dashboard/live/wire.ts";
import { decision, poolState } from "./pool-state-fixture.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import { poolReport } from "./pool-report-fixture.ts";

test("a history fills the pools, oldest first", () => {
  const state = after(history([sample(1000), sample(2000)]));
  const pool = state.pools.get("p");
  expect(state.connection).toBe("live");
  expect(pool?.samples.map((s) => s.atMs)).toEqual([1000, 2000]);
  expect(pool?.last).toBeNull();
});

test("a report adds a sample without what is large, and replaces the last", () => {
  const state = after(history([sample(1000)]), report(2000, [[1, 3]]), report(3000, [[2, 2]]));
  const pool = state.pools.get("p");
  expect(pool?.samples.map((s) => s.atMs)).toEqual([1000, 2000, 3000]);
  for (const large of ["expertLoad", "gpuLoad", "ranks"])
    expect(pool?.samples.every((s) => !(large in s))).toBe(true);
  expect(pool?.last).toMatchObject({ atMs: 3000, expertLoad: [[2, 2]], layerNumbers: [3] });
});

test("a long run keeps a bounded tail", () => {
  const state = after(...Array.from({ length: 2000 }, (_, i) => report(i * 1000, [[1]])));
  const pool = state.pools.get("p");
  expect(pool?.samples.length).toBe(900);
  expect(pool?.samples.at(-1)?.atMs).toBe(1_999_000);
});

test("a new connection's history replaces what was shown before", () => {
  const before = after(history([sample(1000)]), report(2000, [[1]]));
  const restarted = receive(before, history([sample(9000)]));
  const pool = restarted.pools.get("p");
  expect(pool?.samples.map((s) => s.atMs)).toEqual([9000]);
});

test("losing the connection keeps the figures, and the next event ends the loss", () => {
  const lost = after(report(1000, [[1]]), { type: "connection", value: "lost" });
  expect(lost.connection).toBe("lost");
  expect(lost.pools.get("p")?.samples.length).toBe(1);
  expect(receive(lost, report(2000, [[1]])).connection).toBe("live");
});

test("the first pool is shown until another is chosen, and again once that one is gone", () => {
  const two = after(report(1000, [[1]]), report(1000, [[1]], "q"));
  expect(shownPool(NOTHING_YET)).toBeNull();
  expect(shownPool(two)).toBe("p");
  const chosen = receive(two, { type: "choose", pool: "q" });
  expect(shownPool(chosen)).toBe("q");
  expect(shownPool(receive(chosen, history([sample(5000)])))).toBe("p");
});

test("what is done to a simulated pool is kept beside its reports; other pools have nothing of the kind", () => {
  const simulation = {
    pool: "p",
    traffic: { name: "made up", factor: 1, most: 2, paused: false, trace: null },
    shifts: 0,
    lost: [3],
  };
  const begun = after(history([sample(1000)], { simulations: [simulation] }));
  expect(begun.pools.get("p")?.simulation).toEqual(simulation);
  const next = receive(begun, { type: "simulation", value: { ...simulation, lost: [] }, atMs: 5 });
  expect(next.pools.get("p")).toMatchObject({ simulation: { lost: [] }, samples: [{ atMs: 1000 }] });
  expect(receive(next, report(2000, [[1]])).pools.get("p")?.simulation?.lost).toEqual([]);
  expect(receive(next, report(2000, [[1]], "q")).pools.get("q")?.simulation).toBeNull();
});

test("a history brings the last load, how pools are and what was decided; what goes on comes again by its number", () => {
  const begun = after(
    history([sample(1000)], {
      latest: [poolReport({ expertLoad: [[2, 0]] })],
      states: [poolState({ lost: [{ rank: 1, how: "silent" }] })],
      decisions: [{ pool: "p", decisions: [decision({ id: 4 }), decision({ id: 5, state: "under way" })] }],
    }),
  );
  expect(begun.pools.get("p")).toMatchObject({
    samples: [{ atMs: 1000 }],
    last: { expertLoad: [[2, 0]] },
    condition: { lost: [{ rank: 1, how: "silent" }] },
  });
  expect(begun.gateway?.store.name).toBe("memory");
  const next = [decision({ id: 5 }), decision({ id: 6 })];
  const on = receive(begun, { type: "decisions", value: { pool: "p", decisions: next }, atMs: 1 });
  expect(on.pools.get("p")?.decisions.map(({ id, state }) => [id, state])).toEqual([
    [4, "done"],
    [5, "done"],
    [6, "done"],
  ]);
  const well = receive(on, { type: "state", value: poolState({}), atMs: 2 });
  expect(well.pools.get("p")).toMatchObject({ condition: { lost: [] }, decisions: [{ id: 4 }, {}, {}] });
});

test("a pool that is gone is shown no more, and begins anew when it comes back", () => {
  const two = after(report(1000, [[1]]), report(1000, [[1]], "q"), { type: "choose", pool: "p" });
  const one = receive(two, { type: "gone", value: { pool: "p" }, atMs: 2000 });
  expect([[...one.pools.keys()], shownPool(one)]).toEqual([["q"], "q"]);
  const back = receive(one, report(3000, [[2]]));
  expect(back.pools.get("p")?.samples.map((s) => s.atMs)).toEqual([3000]);
});

test("another clock than the gateway's is known by what comes every second", () => {
  const traffic = { inFlight: 0, requests: 0, failed: 0, requestsPerSecond: 0, framesPerSecond: 0 };
  const ahead = (atMs: number) => {
    const value = { ...traffic, atMs, ttftMs: null, itlMs: null };
    return after({ type: "traffic", value, atMs: 100_000 }).aheadMs;
  };
  expect([99_000, 100_000, 102_000].map(ahead)).toEqual([0, 0, 0]);
  expect([700_400, 40_000].map(ahead)).toEqual([600_000, -60_000]);
});

test("what a history brings is as old as the gateway says, by a clock that differs from the page's", () => {
  const message = history([], { atMs: 700_000, latest: [poolReport({ atMs: 640_000 })] });
  const state = receive(NOTHING_YET, { ...message, atMs: 100_000 } as Message);
  expect([state.aheadMs, state.pools.get("p")?.reportedAtMs]).toEqual([600_000, 40_000]);
  // A leader whose clock is ahead of the gateway's has reported now, not in the future.
  const early = history([], { atMs: 700_000, latest: [poolReport({ atMs: 705_000 })] });
  expect(receive(state, { ...early, atMs: 100_000 } as Message).pools.get("p")?.reportedAtMs).toBe(100_000);
});

test("events that are longer on their way do not move the gateway's clock", () => {
  const traffic = { inFlight: 0, requests: 0, failed: 0, requestsPerSecond: 0, framesPerSecond: 0 };
  const at = (atMs: number): Message => ({
    type: "traffic",
    value: { ...traffic, atMs, ttftMs: null, itlMs: null },
    atMs: 100_000,
  });
  const one = after(at(700_400));
  expect([699_600, 698_000, 702_900].map((atMs) => receive(one, at(atMs)).aheadMs)).toEqual([
    600_000, 600_000, 600_000,
  ]);
  expect(receive(one, at(760_000)).aheadMs).toBe(660_000);
});

test("a pool that was chosen and is not there is missed; none before the gateway has spoken", () => {
  const choose: Message = { type: "choose", pool: "q" };
  expect(missedPool(after(choose))).toBeNull();
  const other = after(choose, history([sample(1000)]));
  expect([missedPool(other), shownPool(other)]).toEqual(["q", "p"]);
  expect(missedPool(receive(other, report(2000, [[1]], "q")))).toBeNull();
});

function after(...messages: readonly Message[]): State {
  return messages.reduce(receive, NOTHING_YET);
}

function history(reports: readonly PoolSample[], more: Partial<History> = {}): Message {
  const gateway = { gateway: "g", store: { name: "memory", fault: null } };
  const nothing = { atMs: 0, latest: [], states: [], decisions: [], simulations: [], gateway };
  return { type: "history", value: { reports, ...nothing, ...more }, atMs: 0 };
}

function report(atMs: number, expertLoad: PoolReport["expertLoad"], pool = "p"): Message {
  return { type: "report", value: poolReport({ atMs, expertLoad, pool }), atMs };
}

function sample(atMs: number): PoolSample {
  const { pool, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs } = poolReport({});
  return { pool, atMs, tokensPerSecond, balancedness, nodeHopsPerToken, hopsPerToken, stepMs };
}
