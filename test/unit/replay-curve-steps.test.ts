import { expect, it } from "vitest";
import { CurveSteps } from "../../src/replay/curve/curve-steps.ts";
import { requestFigures } from "../compared-runs.ts";

const BEGAN = [Date.UTC(2026, 11, 1), Date.UTC(2026, 11, 1, 0, 1), Date.UTC(2026, 11, 1, 0, 2)];
const STEPS = [4, 2, 4].map((step_load, i) => {
  return { step_load, started_at: new Date(BEGAN[i]).toISOString() };
});

it("tells steps of one load apart, and knows none of a step that was cut off", () => {
  const steps = new CurveSteps(STEPS);
  const place = (stepLoad: number | null, beganAt: number) =>
    steps.placeOf(requestFigures({ stepLoad, beganAt }));
  expect([place(4, BEGAN[0]), place(4, BEGAN[0] + 1), place(4, BEGAN[2] - 1)]).toEqual([0, 0, 2]);
  expect(place(2, BEGAN[1])).toBe(1);
  expect([place(4, BEGAN[2] + 60_000), place(null, BEGAN[0]), place(2, BEGAN[0])]).toEqual([-1, -1, -1]);
  expect(place(4, BEGAN[0])).toBe(0);
});
