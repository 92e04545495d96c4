import { openCapacity } from "../open-capacity.ts";
import type { RunningUnit } from "../right-sizing/running-unit.ts";
import { problemOf } from "../right-sizing/unit-problem.ts";
import type { Expected, UnitTwin } from "../right-sizing/unit-twin.ts";

/** What a pool forwards when more comes than it can take. */
export interface MostCarried {
  /** Prompt and answer tokens, of all units. */
  readonly tokensPerSecond: number;
  /** In parts of what comes now. */
  readonly factor: number;
  /** It took all that was offered: it carries more. */
  readonly atLeast: boolean;
}

/** So much more is offered than arithmetic says that it carries; and again, where that was too little. */
const OVERLOAD = 1.25;
const TRIES = 3;
/** A run in which less was forwarded than this part of what came is one in which a queue grew. */
const KEPT_UP = 0.92;
/** Beyond, a run would take too long, and say little. */
const MOST_FACTOR = 24;
/** Whatever arithmetic says. */
const LEAST_FACTOR = 0.5;
/** So late that throughput alone counts. */
const PATIENT = { ttftMs: 60_000, itlMs: 10_000 };

/** Whether a unit forwarded what came, and refused nothing. */
export function keptUp({ failed, tokensPerSecond, offeredPerSecond }: Expected): boolean {
  return failed === 0 && tokensPerSecond >= KEPT_UP * offeredPerSecond;
}

/** Offers a unit more and more, until it keeps up no longer. */
export function* mostCarried(twin: UnitTwin, unit: RunningUnit): Generator<number, MostCarried> {
  const { units, type } = twin.pool;
  const problem = problemOf(twin);
  const patient = { ...problem.target, ...PATIENT };
  const open = openCapacity(unit.layout, problem, patient, type.hardware) / problem.demand.rate;
  let factor = OVERLOAD * open;
  let most = 0;
  let atLeast = true;
  for (let i = 0; i < TRIES && atLeast; i++) {
    factor = Math.min(MOST_FACTOR, Math.max(LEAST_FACTOR, factor));
    const run = yield* twin.expect(unit, factor);
    most = Math.max(most, run.tokensPerSecond);
    atLeast = keptUp(run);
    if (factor === MOST_FACTOR) break;
    factor *= OVERLOAD ** 2;
  }
  const { rate, promptMean, answerMean, cachedPart } = twin.measured;
  const now = rate * ((1 - (cachedPart ?? 0)) * promptMean + answerMean);
  return { tokensPerSecond: units * most, factor: (units * most) / now, atLeast };
}
