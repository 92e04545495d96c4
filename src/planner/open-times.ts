import type { Constants } from "../twin/calibration/constants.ts";
import { constantsOf } from "../twin/calibration/factors.ts";
import { familyOf } from "../twin/calibration/serving-point.ts";
import type { Hardware } from "../core/cost/hardware.ts";
import { type CacheWay, cacheWay, travelOf } from "./cache-way.ts";
import type { Demand } from "./demand.ts";
import { batchedAs } from "./engine-batching.ts";
import type { Layout } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type OpenAsked, curveOf } from "./pool-curves.ts";
import type { PoolCurve } from "./pool-curve.ts";
import type { OpenPoint } from "./pool-steps.ts";
import type { ServiceTarget } from "./service-target.ts";
import { type Percentile, type TimePart, percentileOf, sumAt } from "./time-parts.ts";

/** Milliseconds, at the target's percentiles; the first token as a client sees it. */
export interface OpenTimes {
  /** Requests per second: of users, as often as they ask. */
  readonly rate: number;
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly tpotMs: number;
  /** The first token if nobody waited behind others' prompts. */
  readonly ttftAloneMs: number;
  /** Sequences that a rank runs, on average. */
  readonly batch: number;
}

/** Requests per second that users make at least, halvings of what they make at most, and what is near enough. */
const LEAST_RATE = 1e-3;
const HALVINGS = 16;
const NEARLY = 0.9;

/**
 * A unit under open arrivals, by arithmetic alone: steps as the twin costs them (`StepTimes`), and how often and how crowded
 * they are, as independent arrivals have it (`MixedPool`, `PromptPool`, `AnswerPool`).
 */
export class OpenUnit {
  /** What a load is of; and where answers are made, if elsewhere. */
  readonly #pool: PoolCurve;
  readonly #answers: { readonly curve: PoolCurve; readonly way: CacheWay } | null;
  readonly #outside: number;
  readonly #demand: Demand;
  readonly #percentile: Percentile;

  /** @param hardware the type's own, or another one to see what it would change */
  constructor(layout: Layout, asked: OpenAsked, hardware: Hardware = layout.type.hardware) {
    const built = { ...layout, type: { ...layout.type, hardware } };
    const { prefill, decode } = layout;
    this.#demand = asked.demand;
    this.#outside = openConstants(layout, asked).first;
    this.#percentile = percentileOf(asked.target.ttftPercentile);
    if (prefill === null) {
      const promptsFirst = batchedAs(asked.engine) === "sglang";
      this.#pool = curveOf(built, decode, asked, promptsFirst ? "prompts-first" : "answers-first");
      this.#answers = null;
    } else {
      this.#pool = curveOf(built, prefill, asked, "prompts");
      this.#answers = {
        curve: curveOf(built, decode, asked, "answers"),
        way: cacheWay(built, prefill, decode, asked),
      };
    }
  }

  /** @param load of the unit: requests per second, or users, as the demand has them; @returns null where it cannot keep up */
  at(load: number): OpenTimes | null {
    if (this.#demand.arrivals.kind !== "users") return this.#atRate(load);
    // As many requests a second that all users are somewhere: at most as if answers came at once.
    const alone = this.#atRate(LEAST_RATE);
    if (alone === null) return null;
    let [low, high] = [LEAST_RATE, load / this.#loadOf(1, alone)];
    let found = alone;
    for (let i = 0; i < HALVINGS; i++) {
      const middle = (low + high) / 2;
      const times = this.#atRate(middle);
      if (times !== null && this.#loadOf(middle, times) <= load) [low, found] = [middle, times];
      else high = middle;
    }
    return this.#loadOf(low, found) < NEARLY * load ? null : found;
  }

  /** Requests per second that it carries within the target, or users; 0 where none does. */
  capacity({ ttftMs, itlMs }: ServiceTarget): number {
    const keeps = (point: OpenPoint) => {
      const times = this.#times(point);
      return times !== null && times.ttftMs <= ttftMs && times.itlMs <= itlMs;
    };
    const rate = this.#pool.largest(keeps)?.rate ?? 0;
    const times = rate === 0 ? null : this.#atRate(rate);
    return times === null ? 0 : this.#loadOf(rate, times);
  }

  /** What makes so many requests a second: these, or users who are answered in such times. */
  #loadOf(rate: number, { ttftMs, tpotMs }: OpenTimes): number {
    const { arrivals, answer } = this.#demand;
    return arrivals.kind === "users" ? (rate * (arrivals.thinkMs + ttftMs + answer * tpotMs)) / 1000 : rate;
  }

  #atRate(rate: number): OpenTimes | null {
    const point = this.#pool.atRate(rate);
    return point === null ? null : this.#times(point);
  }

  #times(point: OpenPoint): OpenTimes | null {
    if (this.#answers === null) return this.#said(point, point.first);
    const { curve, way } = this.#answers;
    const answers = curve.atRate(point.rate);
    const travel = travelOf(way, point.rate);
    if (answers === null || travel === null) return null;
    return this.#said(answers, [...point.first, ...travel, ...answers.first]);
  }

  #said({ rate, itl, tpot, batch }: OpenPoint, first: readonly TimePart[]): OpenTimes {
    const alone = first.filter(({ kind }) => kind !== "wait");
    return {
      rate,
      ttftAloneMs: 1000 * (this.#outside + sumAt(alone, this.#percentile)),
      ttftMs: 1000 * (this.#outside + sumAt(first, this.#percentile)),
      itlMs: 1000 * itl,
      tpotMs: 1000 * tpot,
      batch,
    };
  }
}

/** Constants as the twin has them, and what passes outside it. */
export function openConstants(
  { type, prefill, decode }: Pick<Layout, "type" | "prefill" | "decode">,
  { model, precision, engine }: Pick<PlanProblem, "model" | "precision" | "engine">,
): Constants {
  return constantsOf(type.table, {
    model,
    family: familyOf(model),
    gpu: type.gpu,
    backend: engine ?? "",
    version: "",
    precision,
    isl: 1,
    osl: 1,
    lengthRatio: 1,
    concurrency: 1,
    gpus: 1,
    prefill: prefill === null ? null : { ...prefill, count: 1 },
    decode: { ...decode, count: 1 },
  });
}
