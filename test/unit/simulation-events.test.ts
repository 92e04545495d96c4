import { expect, test } from "vitest";
import { SimulationEvents } from "../../src/http/simulation-events.ts";
import type { SimulationState } from "../../src/model/simulation.ts";

test("who looked before a pool's traffic began is told of it with the next report, once", () => {
  const sent: unknown[] = [];
  const reported: (() => void)[] = [];
  const simulation = {
    state: { traffic: null, shifts: 0, lost: [], slow: [] } as SimulationState,
    onChange: () => () => {},
  };
  const view = { onReport: (listener: () => void) => (reported.push(listener), () => reported.pop()) };
  const events = new SimulationEvents((event, data) => sent.push([event, data]));
  events.follow([{ loop: { pool: "demo", view }, simulation } as never]);
  expect(sent).toEqual([["simulation", { pool: "demo", ...simulation.state }]]);
  for (const report of reported) report();
  expect(sent).toHaveLength(1);
  simulation.state = {
    ...simulation.state,
    traffic: { name: "t", factor: 1, most: 2, paused: false, trace: null },
  };
  for (let i = 0; i < 2; i++) for (const report of reported) report();
  expect(sent.slice(1)).toEqual([["simulation", { pool: "demo", ...simulation.state }]]);
  events.stop();
  expect(reported).toEqual([]);
});
