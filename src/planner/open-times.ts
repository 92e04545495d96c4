import type { Constants } from "../twin/calibration/constants.ts";
import { constantsOf } from "../twin/calibration/factors.ts";
import { familyOf } from "../twin/calibration/serving-point.ts";
import type { Hardware } from "../core/cost/hardware.ts";
import { type CacheWay, cacheWay, travelOf } from "./cache-way.ts";
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
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly tpotMs: number;
  /** Sequences that a rank runs, on average. */
  readonly batch: number;
}

/**
 * A unit under open arrivals, by arithmetic alone: steps as the twin costs them (`StepTimes`), and how often and how crowded
 * they are, as independent arrivals have it (`MixedPool`, `PromptPool`, `AnswerPool`).
 */
export class OpenUnit {
  /** What a load is of; and where answers are made, if elsewhere. */
  readonly #pool: PoolCurve;
  readonly #answers: { readonly curve: PoolCurve; readonly way: CacheWay } | null;
  readonly #outside: number;
  readonly #percentile: Percentile;

  /** @param hardware the type's own, or another one to see what it would change */
  constructor(layout: Layout, asked: OpenAsked, hardware: Hardware = layout.type.hardware) {
    const built = { ...layout, type: { ...layout.type, hardware } };
    const { prefill, decode } = layout;
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

  /** @param rate requests per second of the unit; @returns null where it cannot keep up */
  at(rate: number): OpenTimes | null {
    const point = this.#pool.atRate(rate);
    return point === null ? null : this.#times(point);
  }

  /** Requests per second that it carries within the target; 0 where none does. */
  capacity({ ttftMs, itlMs }: ServiceTarget): number {
    const keeps = (point: OpenPoint) => {
      const times = this.#times(point);
      return times !== null && times.ttftMs <= ttftMs && times.itlMs <= itlMs;
    };
    return this.#pool.largest(keeps)?.rate ?? 0;
  }

  #times(point: OpenPoint): OpenTimes | null {
    if (this.#answers === null) return this.#said(point, point.first);
    const { curve, way } = this.#answers;
    const answers = curve.atRate(point.rate);
    const travel = travelOf(way, point.rate);
    if (answers === null || travel === null) return null;
    return this.#said(answers, [...point.first, ...travel, ...answers.first]);
  }

  #said({ itl, tpot, batch }: OpenPoint, first: readonly TimePart[]): OpenTimes {
    return {
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
