import { openConstants } from "../open-times.ts";
import type { ServiceTarget } from "../service-target.ts";
import { MODEL_CLOCK, type Clock, type Predicted } from "./clock.ts";
import type { Measured, Times } from "./measured.ts";
import type { RunningPool, RunningUnit } from "./running-unit.ts";
import { type UnitTimes, unitRun } from "./unit-run.ts";
import type { SampleSummary } from "../../lib/sample.ts";
import { demandOf } from "./measured-demand.ts";

/** Factors of traffic that are tried are powers of this. */
const GRID = 1.05;
/** Thirty times the traffic, and a thirtieth. */
const MOST_POWER = 70;
const WARM = 1.25;

/** What a pool would come to with a part of its traffic. */
export interface Expected extends Predicted {
  /** Traffic, in parts of what is measured. */
  readonly factor: number;
  readonly failed: number;
}

export interface Room {
  /** The most traffic that keeps the target, in parts of what is measured; 0 where none does. */
  readonly factor: number;
  /** The next more on the grid, which does not. */
  readonly beyond: number;
}

/** Asks the twin what units would come to under more or less of the traffic that is measured, by the pool's own clock. */
export class UnitTwin {
  readonly pool: RunningPool;
  readonly measured: Measured;
  readonly target: ServiceTarget;
  readonly outsideMs: number;
  readonly #seed: number;
  readonly #requests: number;
  clock: Clock = MODEL_CLOCK;

  constructor(pool: RunningPool, measured: Measured, target: ServiceTarget, seed: number, requests: number) {
    this.pool = pool;
    this.measured = measured;
    this.target = target;
    this.#seed = seed;
    this.#requests = requests;
    const { model, precision, sizes, unit } = pool;
    const demand = demandOf(measured, this.rate);
    const asked = { model, precision, sizes, demand };
    this.outsideMs = pool.outsideMs ?? 1000 * openConstants(unit.layout, asked).first;
  }

  /** Requests per second of a unit, now. */
  get rate(): number {
    return this.measured.rate / this.pool.units;
  }

  /** Of the model, the target that the pool keeps where its steps take as long as they do. */
  get modelTarget(): { readonly ttftMs: number; readonly itlMs: number } {
    const { steps, ttft, itl } = this.clock;
    const { ttftMs, itlMs } = this.target;
    return { ttftMs: (ttftMs / ttft - this.outsideMs) / steps, itlMs: itlMs / (itl * steps) };
  }

  /** The model as it is, at a part of the load. */
  *predict(factor: number): Generator<number, Predicted> {
    const times = yield* this.#run(this.pool.unit, factor, null);
    if (times === null) throw new Error("a run that goes on to the end has no times");
    const outside = this.outsideMs;
    const ttft = timesOf(times.ttftMs);
    return {
      ttftMs: ttft === null ? null : { p50: ttft.p50 + outside, p95: ttft.p95 + outside },
      itlMs: timesOf(times.itlMs),
      balancedness: times.balancedness,
    };
  }

  /** What clients are expected to see at a part of the traffic. */
  *expect(unit: RunningUnit, factor: number): Generator<number, Expected> {
    const { steps, ttft, itl } = this.clock;
    const times = yield* this.#run(unit, factor * steps, null);
    if (times === null) throw new Error("a run that goes on to the end has no times");
    const [first, between] = [timesOf(times.ttftMs), timesOf(times.itlMs)];
    const seen = (ms: number) => ttft * (this.outsideMs + steps * ms);
    return {
      factor,
      failed: times.failed,
      ttftMs: first === null ? null : { p50: seen(first.p50), p95: seen(first.p95) },
      itlMs: between === null ? null : { p50: itl * steps * between.p50, p95: itl * steps * between.p95 },
      balancedness: times.balancedness,
    };
  }

  *keeps(unit: RunningUnit, factor: number): Generator<number, boolean> {
    const { ttftMs, itlMs } = this.modelTarget;
    if (ttftMs <= 0) return false;
    const times = yield* this.#run(unit, factor * this.clock.steps, ttftMs);
    return (
      times !== null &&
      times.failed === 0 &&
      times.ttftMs !== null &&
      times.ttftMs.p95 <= ttftMs &&
      (times.itlMs?.p95 ?? 0) <= itlMs
    );
  }

  /** The room of a unit that has the same part of the traffic, to a twentieth. @param expected where it is looked for first */
  *room(unit: RunningUnit, expected = 1): Generator<number, Room> {
    const start = Math.round(Math.log(expected) / Math.log(GRID));
    const keeps = (power: number) => this.keeps(unit, GRID ** power);
    let [low, high] = [start, start];
    if (yield* keeps(start)) {
      for (let step = 2; yield* keeps((high = low + step)); step *= 2) {
        low = high;
        if (low - start >= MOST_POWER) return { factor: GRID ** low, beyond: GRID ** high };
      }
    } else {
      for (let step = 2; !(yield* keeps((low = high - step))); step *= 2) {
        high = low;
        if (start - high >= MOST_POWER) return { factor: 0, beyond: GRID ** high };
      }
    }
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (yield* keeps(middle)) low = middle;
      else high = middle;
    }
    return { factor: GRID ** low, beyond: GRID ** high };
  }

  #run(unit: RunningUnit, factor: number, ttftMs: number | null): Generator<number, UnitTimes | null> {
    const { measured, target } = this;
    const { steps } = this.clock;
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
    });
  }
}

function timesOf(sample: SampleSummary | null): Times | null {
  return sample === null ? null : { p50: sample.p50, p95: sample.p95 };
}
