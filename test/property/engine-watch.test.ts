import fc from "fast-check";
import { expect, test } from "vitest";
import { EngineWatch } from "../../src/control/ingest/engine-watch.ts";
import type { EngineFault } from "../../src/model/watched-engine.ts";
import { engineWindow } from "../engine-window.ts";
import { runs } from "../runs.ts";

const seed = 20_261_201;

const ranks = fc.constantFrom([], [], [1], [0, 3]);
const happening = fc.record({
  /** How many steps further; null for a start, undefined for no report in that second. */
  steps: fc.constantFrom(undefined, undefined, 0, 10, 150, null),
  rebalances: fc.constantFrom(0, 0, 0, 1),
  counts: fc.constantFrom("none", "some", "some", "others"),
  otherMap: ranks,
  otherTable: ranks,
  inFlight: fc.constantFrom(0, 1, 1, 1),
  seconds: fc.constantFrom(1, 1, 40),
});

function stopped(faults: readonly EngineFault[]): EngineFault | undefined {
  return faults.find(({ kind }) => kind === "stopped");
}

function kindsOf({ engine }: EngineWatch): readonly string[] {
  return engine?.faults.map(({ kind }) => kind) ?? [];
}

test("the promises of the watch hold at every step of any story", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 30 }), fc.nat(30), (story, takeOverAt) => {
      const watch = new EngineWatch(null, 0);
      let other = watch;
      let nowMs = 0;
      let step = 0;
      let rebalances = 0;
      let starts = 0;
      for (const [i, { steps, seconds, inFlight, ...said }] of story.entries()) {
        if (i === takeOverAt) other = new EngineWatch(watch.engine, nowMs);
        const both = other === watch ? [watch] : [watch, other];
        nowMs += 1000 * seconds;
        const moment = { nowMs, atMs: 7 + nowMs, inFlight };
        const before = watch.engine?.faults ?? [];
        for (const one of both) one.pass(moment);
        if (inFlight === 0 && !before.some(({ kind }) => kind === "silent"))
          expect(kindsOf(watch)).not.toContain("silent");
        if (steps !== undefined) {
          const start = steps === null || watch.engine === null;
          if (start) starts++;
          step = start ? 0 : step + steps;
          rebalances = start ? 0 : rebalances + said.rebalances;
          const empty = said.counts === "none";
          const report = engineWindow({ ...said, name: `start ${starts}`, step, rebalances, empty });
          for (const one of both) one.receive(report, moment);
          const found = kindsOf(watch);
          expect(found).not.toContain("silent");
          if (start) expect(found).toEqual([]);
          if (empty && inFlight === 0 && !before.some(({ kind }) => kind === "frozen"))
            expect(found).not.toContain("frozen");
          expect(other.engine?.stepsSinceRebalance).toBe(watch.engine?.stepsSinceRebalance);
        }
        const faults = watch.engine?.faults ?? [];
        expect(new Set(faults.map(({ kind }) => kind)).size).toBe(faults.length);
        for (const fault of faults) {
          seen.add(fault.kind);
          const was = before.find(({ kind }) => kind === fault.kind);
          if (was !== undefined) expect(fault.sinceMs).toBe(was.sinceMs);
        }
        const others = other.engine?.faults ?? [];
        expect(stopped(others)).toEqual(stopped(faults));
        // The rest is found later at most.
        expect(kindsOf(watch)).toEqual(expect.arrayContaining([...kindsOf(other)]));
      }
    }),
    { seed, numRuns: runs(300) },
  );
  expect(seen.size).toBe(5);
});
