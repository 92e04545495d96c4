import { openConstants } from "../open-times.ts";
import type { ServiceTarget } from "../service-target.ts";
import type { Clock, Predicted } from "./clock.ts";
import { type Measured, type Times, timeAt } from "./measured.ts";
import type { RunningPool, RunningUnit } from "./running-unit.ts";
import { type UnitTimes, unitRun } from "./unit-run.ts";

/** Factors of traffic that are tried are powers of this. */
const GRID = 1.05;
/** Thirty times the traffic, and a thirtieth: more, or less, is not looked for. */
const MOST_POWER = 70;
const WARM = 1.25;

/** What a pool would come to with a part of its traffic. */
export interface Expected extends Predicted {
  /** Traffic, in parts of what is measured. */
  readonly factor: number;
  readonly failed: number;
  /** A step, where answers are made. */
  readonly stepMs: number | null;
  /** Tokens that a unit forwards a second, and those that come. */
  readonly tokensPerSecond: number;
  readonly offeredPerSecond: number;
}

/** How much more, or less, traffic a unit carries within its target. */
export interface Room {
  /** The most traffic that keeps the target, in parts of what is measured; 0 where none does. */
  readonly factor: number;
  /** The next more on the grid, which does not; null where as much as is asked for is kept. */
  readonly beyond: number | null;
}

/** Asks the twin what units would come to under more or less of the traffic that is measured, by the pool's own clock. */
export class UnitTwin {
  readonly pool: RunningPool;
  readonly measured: Measured;
  readonly target: ServiceTarget;
  /** As the model has it. */
  readonly outsideMs: number;
  readonly #seed: number;
  readonly #requests: number;
  clock: Clock;

  constructor(pool: RunningPool, measured: Measured, target: ServiceTarget, seed: number, requests: number) {
    this.pool = pool;
    this.measured = measured;
    this.target = target;
    this.#seed = seed;
    this.#requests = requests;
    const { model, precision, engine, unit } = pool;
    this.outsideMs = pool.outsideMs ?? 1000 * openConstants(unit.layout, { model, precision, engine }).first;
    this.clock = { steps: 1, outsideMs: this.outsideMs, ttft: 1, itl: 1 };
  }

  /** Requests per second of a unit, now. */
  get rate(): number {
    return this.measured.rate / this.pool.units;
  }

  /** Of the model, the target that the pool keeps where its steps take as long as they do. */
  get modelTarget(): { readonly ttftMs: number; readonly itlMs: number } {
    const { steps, outsideMs, ttft, itl } = this.clock;
    const { ttftMs, itlMs } = this.target;
    return { ttftMs: (ttftMs / ttft - outsideMs) / steps, itlMs: itlMs / (itl * steps) };
  }

  /** The model as it is, at a part of the load. */
  *predict(factor: number): Generator<number, Predicted> {
    const times = yield* this.#run(this.pool.unit, factor, factor, null);
    if (times === null) throw new Error("a run that goes on to the end has no times");
    const outside = this.outsideMs;
    const ttft = times.ttftMs;
    return {
      ttftMs: ttft === null ? null : eachOf(ttft, (ms) => ms + outside),
      itlMs: times.itlMs,
      balancedness: times.balancedness,
    };
  }

  /** What clients are expected to see at a part of the traffic. */
  *expect(unit: RunningUnit, factor: number): Generator<number, Expected> {
    const { steps, outsideMs, ttft, itl } = this.clock;
    const times = yield* this.#run(unit, factor * steps, steps, null);
    if (times === null) throw new Error("a run that goes on to the end has no times");
    const [first, between] = [times.ttftMs, times.itlMs];
    const seen = (ms: number) => ttft * (outsideMs + steps * ms);
    return {
      factor,
      failed: times.failed,
      ttftMs: first === null ? null : eachOf(first, seen),
      itlMs: between === null ? null : eachOf(between, (ms) => itl * steps * ms),
      balancedness: times.balancedness,
      stepMs: times.stepMs === null ? null : steps * times.stepMs,
      tokensPerSecond: times.tokensPerSecond / steps,
      offeredPerSecond: times.offeredPerSecond / steps,
    };
  }

  *keeps(unit: RunningUnit, factor: number): Generator<number, boolean> {
    const { ttftMs, itlMs } = this.modelTarget;
    const { ttftPercentile, itlPercentile } = this.target;
    if (ttftMs <= 0) return false;
    const times = yield* this.#run(unit, factor * this.clock.steps, this.clock.steps, ttftMs);
    return (
      times !== null &&
      times.failed === 0 &&
      times.ttftMs !== null &&
      timeAt(times.ttftMs, ttftPercentile) <= ttftMs &&
      (times.itlMs === null || timeAt(times.itlMs, itlPercentile) <= itlMs)
    );
  }

  /** The room of a unit that has the same part of the traffic, to a twentieth. @param expected where it is looked for first */
  *room(unit: RunningUnit, expected = 1): Generator<number, Room> {
    const near = Math.round(Math.log(expected) / Math.log(GRID));
    const start = Math.max(-MOST_POWER, Math.min(MOST_POWER, near));
    const keeps = (power: number) => this.keeps(unit, GRID ** power);
    let [low, high] = [start, start];
    if (yield* keeps(start)) {
      for (let step = 1; low < MOST_POWER; step *= 2) {
        high = Math.min(MOST_POWER, low + step);
        if (!(yield* keeps(high))) break;
        low = high;
      }
      if (low === MOST_POWER) return { factor: GRID ** low, beyond: null };
    } else {
      for (let step = 1; ; step *= 2) {
        low = Math.max(-MOST_POWER, high - step);
        if (yield* keeps(low)) break;
        if (low === -MOST_POWER) return { factor: 0, beyond: GRID ** low };
        high = low;
      }
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (yield* keeps(middle)) low = middle;
      else high = middle;
    }
    return { factor: GRID ** low, beyond: GRID ** high };
  }

  /** How much more than a unit's room another one has, in parts of that: 0 where it is not a step of the grid. */
  *gain(changed: RunningUnit, { factor, beyond }: Room): Generator<number, number> {
    if (beyond === null || !(yield* this.keeps(changed, beyond))) return 0;
    const more = yield* this.room(changed, beyond);
    return factor === 0 ? 1 : more.factor / factor - 1;
  }

  /** @param factor of the rate. @param steps of the clock that times are told by, which a run is to be warm after */
  #run(
    unit: RunningUnit,
    factor: number,
    steps: number,
    ttftMs: number | null,
  ): Generator<number, UnitTimes | null> {
    const { measured, target } = this;
    const tokenMs = Math.min(measured.itlMs?.p95 ?? target.itlMs, 2 * target.itlMs) / steps;
    const warmSeconds = (WARM * measured.answerMean * tokenMs + target.ttftMs / steps) / 1000;
    return unitRun(unit, this.pool, {
      rate: this.rate * factor,
      // The same requests whatever is asked: with none more or less, what is measured comes out again.
      seed: this.#seed,
      requests: this.#requests,
      lengths: measured,
      warmSeconds,
      ttftMs,
      ttftPercentile: target.ttftPercentile,
    });
  }
}

function eachOf({ mean, p50, p90, p95, p99 }: Times, of: (ms: number) => number): Times {
  return { mean: of(mean), p50: of(p50), p90: of(p90), p95: of(p95), p99: of(p99) };
}
