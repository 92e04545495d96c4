import type { ExpertLoad } from "../../model/load.ts";
import { ChangeDetector } from "./change-detector.ts";
import { ForecastErrors } from "./forecast-errors.ts";
import { LoadTracker } from "./load-tracker.ts";
import { WindowSum } from "./window-sum.ts";
import { sumOf } from "../../lib/vectors.ts";

/** Half-lives of the averages that are blended, in horizons. */
const HALF_LIVES = [1 / 8, 1, 8];
/** The load is checked for a change so many times in a horizon. */
const CHECKS = 8;

/** What is expected of the next horizon. */
export interface LoadForecast {
  /** Tokens per second. */
  readonly mean: ExpertLoad;
  /** `[layers][experts]`: the standard deviation of each mean, in its unit. */
  readonly deviation: Float64Array;
}

/**
 * Forecasts the load of every expert over the next horizon, and how far off that may be.
 *
 * *Mean*: averages of short, middle and long memory, blended with the weights that would have been least wrong so
 * far. Which memory is best depends on how long requests live against the horizon: no fixed one is.
 * *Deviation*: from the errors of past forecasts (`ForecastErrors`); about 95 % of experts come within two.
 * *Change*: how far each eighth of a horizon is from its forecast (Pearson's statistic, logged) goes through a
 * `ChangeDetector`: one false alarm in about 116 horizons of a steady load (0 to 3 in 100 were measured on loads
 * that few requests make, each of one domain).
 *
 * Works on each expert's part of the whole load, so that more or less traffic is no error. Memory: some fifteen
 * numbers per (layer, expert).
 */
export class LoadForecaster {
  readonly #layers: number;
  readonly #experts: number;
  readonly #horizonMs: number;
  readonly #detector = new ChangeDetector();
  readonly #errors: ForecastErrors;
  #averages: readonly LoadTracker[];
  /** Tokens since the last check, and the tokens per second that were expected. */
  readonly #checked: WindowSum;
  #expected: Float64Array | null = null;
  /** Variance over mean, both in parts, of the last check: stands in for a horizon's until one was tested. */
  #untested: number | null = null;
  /** Tokens since the forecast under test was made, and the parts that each average expected. */
  readonly #tested: WindowSum;
  #forecasts: readonly Float64Array[] | null = null;
  /** Tokens since the detector was quiet: what there is of the new load when it finds a change. */
  readonly #unquiet: WindowSum;

  /** @param horizonMs how far ahead to forecast: about one placement interval */
  constructor(layers: number, experts: number, horizonMs: number) {
    this.#layers = layers;
    this.#experts = experts;
    this.#horizonMs = horizonMs;
    this.#errors = new ForecastErrors(HALF_LIVES.length, layers * experts);
    this.#averages = this.#newAverages();
    this.#checked = new WindowSum(layers, experts);
    this.#tested = new WindowSum(layers, experts);
    this.#unquiet = new WindowSum(layers, experts);
  }

  /**
   * @param load tokens per expert in a window of `spanMs` milliseconds; a window without tokens says nothing
   * @returns whether the load is found to have changed: what was known of the old one is forgotten then
   */
  observe(load: ExpertLoad, spanMs: number): boolean {
    if (sumOf(load.tokens) === 0) return false;
    for (const average of this.#averages) average.observe(load, spanMs);
    for (const sum of [this.#checked, this.#tested, this.#unquiet]) sum.add(load, spanMs);
    const changed = this.#checked.spanMs >= this.#horizonMs / CHECKS && this.#check();
    if (changed) this.#forget();
    if (changed || this.#tested.spanMs >= this.#horizonMs) this.#test(!changed);
    return changed;
  }

  /** Copies the caller owns; all zeros before anything was observed. */
  forecast(): LoadForecast {
    const tokens = this.#errors.blend(this.#parts());
    // As much traffic as in the last horizon or two.
    const total = sumOf(this.#averages[1].forecast().tokens);
    // As if every token chose by itself (Poisson), before anything was held against anything.
    const untested = this.#untested ?? 1 / Math.max(1, (total * this.#horizonMs) / 1000);
    const deviation = this.#errors.deviation(tokens, untested);
    for (let i = 0; i < tokens.length; i++) {
      tokens[i] *= total;
      deviation[i] *= total;
    }
    return { mean: { layers: this.#layers, experts: this.#experts, tokens }, deviation };
  }

  #check(): boolean {
    const changed = this.#expected !== null && this.#differsFrom(this.#expected);
    if (this.#detector.quiet && !changed) this.#unquiet.clear();
    this.#checked.clear();
    this.#expected = this.forecast().mean.tokens;
    return changed;
  }

  /**
   * Holds the tokens since the last check against what was expected of them: by Pearson's statistic of two samples
   * per expert, of what came and of as much as was expected, so that neither more nor less traffic makes much of a
   * difference. One token is added to every mean so that none is zero.
   */
  #differsFrom(expected: Float64Array): boolean {
    const { tokens } = this.#checked.load;
    const rate = sumOf(expected);
    const came = sumOf(tokens);
    const awaited = (rate * this.#checked.spanMs) / 1000;
    let sum = 0;
    for (let i = 0; i < tokens.length; i++) {
      const mean = (came * expected[i]) / rate;
      sum += (tokens[i] - mean) ** 2 / (mean + 1);
    }
    const overdispersion = sum / tokens.length;
    this.#untested = overdispersion / came;
    return this.#detector.push(Math.log(1 + overdispersion * (awaited / (came + awaited))));
  }

  /** Knows only what has come since the change. */
  #forget(): void {
    const { load, spanMs } = this.#unquiet;
    this.#averages = this.#newAverages();
    for (const average of this.#averages) average.observe(load, spanMs);
    this.#unquiet.clear();
    this.#expected = this.forecast().mean.tokens;
  }

  /** Puts the present forecast to the test, and learns from the one before where that was not cut short. */
  #test(learn: boolean): void {
    if (learn && this.#forecasts !== null) this.#errors.learn(this.#forecasts, partsOf(this.#tested.load));
    this.#tested.clear();
    this.#forecasts = this.#parts();
  }

  #newAverages(): LoadTracker[] {
    return HALF_LIVES.map(
      (halfLife) => new LoadTracker(this.#layers, this.#experts, halfLife * this.#horizonMs),
    );
  }

  #parts(): Float64Array[] {
    return this.#averages.map((average) => partsOf(average.forecast()));
  }
}

/** A load as parts of its sum; all zeros where that is 0. */
function partsOf({ tokens }: ExpertLoad): Float64Array {
  const sum = sumOf(tokens);
  const parts = new Float64Array(tokens.length);
  if (sum > 0) for (let i = 0; i < parts.length; i++) parts[i] = tokens[i] / sum;
  return parts;
}
