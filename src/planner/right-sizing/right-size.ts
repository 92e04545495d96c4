import { openConstants } from "../open-times.ts";
import { type BindingLimit, bindingLimit } from "../binding-limit.ts";
import type { PlanProblem } from "../plan-problem.ts";
import type { ServiceTarget } from "../service-target.ts";
import { type Change, changesOf } from "./changes.ts";
import { type Clock, type Predicted, clockOf } from "./clock.ts";
import { demandOf } from "./measured-demand.ts";
import type { Measured } from "./measured.ts";
import { PlacementJudge, type PlacementWorth } from "./placement-worth.ts";
import { type RunningPool, poolGpus } from "./running-unit.ts";
import { type Expected, type Room, UnitTwin } from "./unit-twin.ts";

/** What counts of a run in the twin. */
const REQUESTS = 400;

/** What is to be said of a pool that runs. */
export interface RightSizing {
  readonly measured: Measured;
  readonly gpus: number;
  /** Whether what is measured keeps the target; null where it has no such times. */
  readonly keepsNow: boolean | null;
  /** What the model, as it is, says of the same layout and load. */
  readonly predicted: Predicted;
  readonly clock: Clock;
  readonly room: Room;
  /** Just beyond it. */
  readonly beyond: Expected;
  readonly limit: BindingLimit;
  /** What one thing less of the pool leaves: a unit, or where there is one unit, one of its GPUs. */
  readonly lost: { readonly what: "unit" | "GPU"; readonly factor: number; readonly survives: boolean };
  readonly placement: PlacementWorth | null;
  readonly changes: readonly Change[];
  /** Looked at, and worth nothing here. */
  readonly useless: readonly string[];
}

export interface RightSizeProgress {
  readonly label: string;
  readonly part: number;
}

/** Measured, predicted, calibrated, and then: how much more, what gives way, what to change. Yields how far it is. */
export function* rightSize(
  pool: RunningPool,
  measured: Measured,
  target: ServiceTarget,
  seed: number,
  requests = REQUESTS,
): Generator<RightSizeProgress, RightSizing> {
  const twin = new UnitTwin(pool, measured, target, seed, requests);
  const { unit, units } = pool;
  const predicted = yield* saying("the load that is measured", 0, 0.1, twin.predict(1));
  const predict = (factor: number) => twin.predict(factor);
  twin.clock = yield* saying("its clock", 0.1, 0.3, clockOf(measured, predicted, predict, twin.outsideMs));
  const room = yield* saying("more traffic", 0.3, 0.55, twin.room(unit));
  const beyond = yield* saying("just beyond", 0.55, 0.6, twin.expect(unit, room.beyond));
  const problem = problemOf(twin);
  const judge = new PlacementJudge(pool);
  const placement = judge.worth();
  const found = yield* saying("changes", 0.6, 1, changesOf(twin, room, problem, judge, placement));
  const gpus = poolGpus(pool);
  const left = units > 1 ? (units - 1) / units : (gpus - 1) / gpus;
  return {
    measured,
    gpus,
    keepsNow: keepsNow(measured, target),
    predicted,
    clock: twin.clock,
    room,
    beyond,
    limit: bindingLimit(unit.layout, problem),
    lost: { what: units > 1 ? "unit" : "GPU", factor: room.factor * left, survives: room.factor * left >= 1 },
    placement,
    ...found,
  };
}

function keepsNow({ ttftMs, itlMs }: Measured, target: ServiceTarget): boolean | null {
  if (ttftMs === null) return null;
  return ttftMs.p95 <= target.ttftMs && (itlMs === null || itlMs.p95 <= target.itlMs);
}

/** What arithmetic is asked: the model's own target and clock. */
function problemOf(twin: UnitTwin): PlanProblem {
  const { pool, measured, clock, modelTarget, rate, target } = twin;
  const { model, sizes, precision, type, unit } = pool;
  const demand = demandOf(measured, rate * clock.steps);
  const asked = { model, sizes, precision, demand };
  const before = 1000 * openConstants(unit.layout, asked).first;
  const { ttftMs, itlMs } = modelTarget;
  return {
    ...asked,
    types: [type],
    target: { ...target, ttftMs: ttftMs + before, itlMs },
    maxGpus: poolGpus(pool),
    spare: 0,
    seed: 0,
  };
}

/** Of what a part of the work seems to have left, a run leaves so much. */
const LEFT = 0.75;

function* saying<T>(
  label: string,
  from: number,
  to: number,
  steps: Generator<number, T>,
): Generator<RightSizeProgress, T> {
  // How many runs are to come is not known: each takes a part of what is left.
  let [runs, last] = [0, 0];
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    if (next.value < last) runs++;
    last = next.value;
    yield { label, part: from + (to - from) * (1 - LEFT ** (runs + last)) };
  }
}
