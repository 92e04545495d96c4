import { expect, it } from "vitest";
import { ChangeLog, type RunMoment } from "../../src/cli/change-log.ts";
import { changeTable } from "../../src/cli/change-table.ts";
import type { Simulation, SimulationChange } from "../../src/model/simulation.ts";

it("keeps each change with how the run did before, and ten seconds after", () => {
  let listener: (change: SimulationChange) => void = () => {};
  let now: RunMoment = { elapsedMs: 0, ttftMs: null, balancedness: null };
  const simulation: Simulation = {
    state: { traffic: null, shifts: 0, lost: [], slow: [] },
    change: (change) => listener(change),
    onChange: (listening) => {
      listener = listening;
      return () => {
        listener = () => {};
      };
    },
  };
  const log = new ChangeLog(simulation, () => now);
  const at = (elapsedMs: number, ttftMs: number, balancedness: number) => {
    now = { elapsedMs, ttftMs, balancedness };
    log.look();
  };
  at(20_000, 900, 0.95);
  simulation.change({ kind: "lose", rank: 3 });
  at(25_000, 950, 0.7);
  simulation.change({ kind: "shift" });
  at(29_999, 960, 0.8);
  expect(log.entries[0].after).toBeNull();
  at(30_500, 1000, 0.85);
  at(31_000, 1100, 0.9);
  log.close();
  simulation.change({ kind: "shift" });
  expect(log.entries).toEqual([
    {
      atMs: 20_000,
      change: { kind: "lose", rank: 3 },
      before: { ttftMs: 900, balancedness: 0.95 },
      after: { ttftMs: 1000, balancedness: 0.85 },
    },
    { atMs: 25_000, change: { kind: "shift" }, before: { ttftMs: 950, balancedness: 0.7 }, after: null },
  ]);
  const table = changeTable(log.entries);
  expect(Math.max(...table.split("\n").map(({ length }) => length))).toBe(80);
  expect(table).toContain("just before, and 10 s after");
  expect(table).toMatch(/00:00:20 +│ GPU 3 stops +│ +900 → 1,000 │ +0\.950 → 0\.850/);
  expect(table).toMatch(/00:00:25 +│ the traffic shifts +│ +950 → – │ +0\.700 → –/);
});
