import { expect, test } from "vitest";
import { smallPlanProblem } from "../../harness/small-plan-problem.ts";
import { usersDemand } from "../../src/planner/demand.ts";
import { gridOf } from "../../src/planner/load-grid.ts";
import { ratedLayouts } from "../../src/planner/rated-layouts.ts";
import { TrialsHere } from "../../src/planner/trials-here.ts";

const WANTED = 8;

test("a run of users counts all that it is to, each to its end, and has no more of them than there are", async () => {
  const problem = { ...(await smallPlanProblem()), demand: usersDemand(4, 0, 256, 12) };
  const [{ layout, open }] = ratedLayouts(problem);
  expect(open).toBeGreaterThan(4);
  const here = new TrialsHere(problem, WANTED);
  const { powerFor, loadAt } = gridOf(problem.demand);
  for (const users of [4, 24]) {
    const power = powerFor(users);
    const trial = await here.run({ layout, power, seed: 1, whole: true });
    const most = loadAt(power);
    expect(trial.rate).toBe(most);
    expect(trial.running).toBeLessThanOrEqual(most);
    expect(trial.running).toBeGreaterThanOrEqual(most / 2);
    expect(trial.requests).toBeGreaterThanOrEqual(Math.max(WANTED, most));
    expect(trial.requests).toBeLessThan(Math.max(WANTED, most) + most);
    const { e2eMs, ttftMs, tpotMs } = trial;
    expect(e2eMs ?? 0).toBeGreaterThan((ttftMs ?? 0) / 2 + 11 * (tpotMs ?? 0));
  }
});
