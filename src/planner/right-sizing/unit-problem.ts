import { USUAL_SKEW } from "../../model/expert-skew.ts";
import { openConstants } from "../open-times.ts";
import type { PlanProblem } from "../plan-problem.ts";
import { demandOf } from "./measured-demand.ts";
import { poolGpus } from "./running-unit.ts";
import type { UnitTwin } from "./unit-twin.ts";

/** What arithmetic is asked: the model's own target and clock. */
export function problemOf(twin: UnitTwin): PlanProblem {
  const { pool, measured, clock, modelTarget, rate, target } = twin;
  const { model, sizes, precision, type, unit, engine } = pool;
  const demand = demandOf(measured, rate * clock.steps);
  const asked = { model, sizes, precision, engine, demand };
  const before = 1000 * openConstants(unit.layout, asked).first;
  const { ttftMs, itlMs } = modelTarget;
  return {
    ...asked,
    types: [type],
    target: { ...target, ttftMs: ttftMs + before, itlMs },
    maxGpus: poolGpus(pool),
    spare: 0,
    checkpoint: { name: null, precision },
    budget: null,
    apiPrice: null,
    redundant: null,
    skew: USUAL_SKEW,
    routed: pool.routed,
    seed: 0,
  };
}
