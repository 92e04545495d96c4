import { expect, test } from "vitest";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { drawnDemand } from "../../src/planner/demand.ts";
import { UserLoop } from "../../src/planner/user-loop.ts";
import type { RequestRecord } from "../../src/twin/run/run-log.ts";
import { virtualRun } from "../../src/twin/run/virtual-run.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";

const USERS = 12;
const DURATION_MS = 900;

function loopRun(thinkMs: number, seed: number) {
  const over: RequestRecord[] = [];
  const users = new UserLoop(
    drawnDemand(1, 60, 20),
    { kind: "users", thinkMs, within: 0.5, found: 0 },
    USERS,
    seed,
  );
  const run = virtualRun({
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    routing: new SyntheticRouting(SMALL_MODEL, 1),
    traffic: users.begin(100),
    again(record) {
      over.push(record);
      return users.again(record.endMs);
    },
    durationMs: DURATION_MS,
    cadence: { sharesMs: 500, placementMs: 1000 },
    assignment: "least-in-flight",
    fidelity: "analytic",
    seed: 1,
    recorder: new StepRecorder(0),
  });
  for (const _ of run);
  return over;
}

/** Requests in flight at the arrival of each. */
function mostAtOnce(records: readonly RequestRecord[]): number {
  const at = (ms: number) => records.filter(({ arrivalMs, endMs }) => arrivalMs <= ms && endMs > ms).length;
  return Math.max(...records.map(({ arrivalMs }) => at(arrivalMs)));
}

test("users without a thought have a request in flight each, all the time", () => {
  const records = loopRun(0, 1);
  expect(records.length).toBeGreaterThan(3 * USERS);
  expect(mostAtOnce(records)).toBe(USERS);
  expect(records.every(({ outcome }) => outcome === "completed")).toBe(true);
  const starts = new Set(records.map(({ arrivalMs }) => arrivalMs));
  const ends = new Set(records.map(({ endMs }) => endMs));
  for (const at of starts) expect(at === 0 || ends.has(at)).toBe(true);
});

test("users who think ask less often, the same for a seed", () => {
  const records = loopRun(100, 2);
  expect(records).toEqual(loopRun(100, 2));
  expect(mostAtOnce(records)).toBeLessThan(USERS);
  const answerMs = records.reduce((sum, { endMs, arrivalMs }) => sum + endMs - arrivalMs, 0) / records.length;
  const rate = records.filter(({ arrivalMs }) => arrivalMs > 200).length / (DURATION_MS - 200);
  // Little's law: all are somewhere.
  expect(Math.abs((rate * (100 + answerMs)) / USERS - 1)).toBeLessThan(0.25);
});
