import { expect, it } from "vitest";
import { curveExitCode, exitCodeOf } from "../../src/cli/replay/outcome-code.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";

const ending = { interrupted: false, whole: true, thresholdsMet: true, maxFailed: 0.5 };
const outcomeOf = (completed: number, failed: number) => ({
  ...emptyOutcome(null),
  sent: completed + failed,
  completed,
  failed,
});
const code = (completed: number, failed: number, changes: Partial<typeof ending> = {}) =>
  exitCodeOf({ ...ending, ...changes, outcome: outcomeOf(completed, failed) });
const ofCurve = (completed: number, failed: number, changes: Partial<typeof ending> = {}) =>
  curveExitCode({ ...ending, ...changes, least: outcomeOf(completed, failed) });

it("a run, and the least load of a curve, fails where more fail than may", () => {
  for (const codeOf of [code, ofCurve]) {
    expect(codeOf(10, 10)).toBe(0);
    expect(codeOf(9, 11)).toBe(1);
    expect(codeOf(9, 11, { maxFailed: 0.6 })).toBe(0);
    expect(codeOf(19, 1, { maxFailed: 0 })).toBe(1);
  }
});

it("a run of nothing is no success", () => {
  expect(code(0, 0)).toBe(1);
  expect(ofCurve(0, 0)).toBe(1);
  expect(curveExitCode({ ...ending, least: null })).toBe(1);
});

it("says first that it was interrupted, then that a threshold was missed, then that it was not whole", () => {
  for (const codeOf of [code, ofCurve]) {
    expect(codeOf(0, 5, { interrupted: true, thresholdsMet: false })).toBe(130);
    expect(codeOf(0, 5, { thresholdsMet: false })).toBe(99);
    expect(codeOf(5, 0, { whole: false })).toBe(1);
  }
});
