import { describe, expect, test } from "vitest";
import { LoopEngine } from "../../src/twin/calibration/loop-engine.ts";
import { SimulatedPool } from "../../src/twin/simulated-pool.ts";
import { uniformRouting } from "../../src/twin/uniform-routing.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { smallPlan } from "../small-plan.ts";

const RANKS = 4;
const AT_ONCE = { pollSteps: 1, gatherSteps: 0, batchWait: null };

/** Steps that begin before the first of the given prompts does, on ranks that each have an answer under way. */
function stepsHeld(looking: Partial<typeof AT_ONCE> | object, prompts: readonly number[]): number {
  const routing = uniformRouting(SMALL_MODEL, 1);
  const pool = new SimulatedPool({ model: SMALL_MODEL, routing, dispatch: "priced", seed: 1 }, smallPlan());
  const engine = new LoopEngine(pool, "mixed", { ...AT_ONCE, ...looking });
  for (let id = 0; id < RANKS; id++) engine.expect({ id, inputTokens: 4, outputTokens: 500 }, 0);
  for (let step = 0; step < 3; step++) engine.step();
  const readyMs = engine.nextMs;
  for (const [i, inputTokens] of prompts.entries())
    engine.expect({ id: RANKS + i, inputTokens, outputTokens: 2 }, readyMs);
  for (let step = 0; ; step++) {
    if (engine.step()?.step.started.includes(RANKS) === true) return step;
    if (step === 400) throw new Error("it never begins");
  }
}

describe("ranks that compute prompts together", () => {
  const looking = { gatherSteps: 12 };
  // A step that begins when a request arrives is made up already; three were counted before.
  const soonest = stepsHeld(AT_ONCE, [50]);

  test("hold a prompt back for so many steps since the last, while one of them has none", () => {
    expect(soonest).toBe(1);
    expect(stepsHeld(looking, [50])).toBeGreaterThan(soonest + 5);
    expect(stepsHeld(looking, [50, 50, 50])).toBeLessThan(12);
  });

  test("begin at once where each has one", () => {
    expect(stepsHeld(looking, [50, 50, 50, 50])).toBe(soonest);
  });
});

describe("an engine that waits for the tokens of a step", () => {
  const looking = { batchWait: { tokens: 200, steps: 20 } };

  test("holds prompts back for so many steps", () => {
    expect(stepsHeld(looking, [50])).toBe(1 + 20);
  });

  test("begins with as many tokens as it waits for, answers among them", () => {
    expect(stepsHeld(looking, [100, 96])).toBe(1);
    expect(stepsHeld(looking, [100, 95])).toBe(1 + 20);
  });
});
