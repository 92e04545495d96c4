import { blendWeights } from "./blend-weights.ts";
import { dot, sumOf } from "../../lib/vectors.ts";

/** Tests after which an error counts half. */
const HALF_LIFE = 16;
/** The history of errors is joined by so many tests of equally wrong, unrelated forecasts … */
const PRIOR_BLEND = 0.3;
/** … and every expert's own errors by so many tests of the common law's. */
const PRIOR_ERRORS = 4;

/**
 * How wrong several forecasts of the same values, and their blend, have been. All values are parts of a whole: a
 * forecast's sum to 1. Memory: one number per value.
 */
export class ForecastErrors {
  /** `[forecasts]`: the blend that would have been least wrong so far. */
  #weights: Float64Array;
  /** Decayed sums over tests: their number, `[forecasts][forecasts]` products of errors, `[values]` squared errors of the blend. */
  #tests = 0;
  readonly #products: Float64Array;
  readonly #squares: Float64Array;

  constructor(forecasts: number, values: number) {
    this.#products = new Float64Array(forecasts ** 2);
    this.#squares = new Float64Array(values);
    this.#weights = blendWeights(this.#products, forecasts);
  }

  /** One test: what was forecast, and what came. */
  learn(forecasts: readonly Float64Array[], actual: Float64Array): void {
    const count = forecasts.length;
    const keep = 2 ** (-1 / HALF_LIFE);
    const errors = forecasts.map((forecast) => differences(forecast, actual));
    const blended = this.blend(errors);
    const squares = this.#squares;
    for (let i = 0; i < squares.length; i++) squares[i] = keep * squares[i] + blended[i] ** 2;
    const products = this.#products;
    let trace = 0;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < count; b++) {
        products[a * count + b] = keep * products[a * count + b] + dot(errors[a], errors[b]);
      }
      trace += products[a * count + a];
    }
    this.#tests = keep * this.#tests + 1;
    const joined = products.slice();
    for (let a = 0; a < count; a++) joined[a * count + a] += (PRIOR_BLEND / this.#tests) * (trace / count);
    this.#weights = blendWeights(joined, count);
  }

  /** The forecasts, each by its weight. */
  blend(forecasts: readonly Float64Array[]): Float64Array {
    const blended = new Float64Array(this.#squares.length);
    for (let a = 0; a < forecasts.length; a++) {
      const weight = this.#weights[a];
      const forecast = forecasts[a];
      for (let i = 0; i < blended.length; i++) blended[i] += weight * forecast[i];
    }
    return blended;
  }

  /**
   * The standard deviation of a blended forecast. Counts are over-dispersed Poisson: the variance is φ times the
   * mean. φ is measured over all values, and each value's own squared errors are shrunk towards that law.
   *
   * @param untested φ before the first test
   */
  deviation(blended: Float64Array, untested: number): Float64Array {
    const squares = this.#squares;
    const tests = this.#tests;
    const phi = tests > 0 ? sumOf(squares) / tests : untested;
    const deviation = new Float64Array(blended.length);
    for (let i = 0; i < deviation.length; i++)
      deviation[i] = Math.sqrt((PRIOR_ERRORS * phi * blended[i] + squares[i]) / (PRIOR_ERRORS + tests));
    return deviation;
  }
}

function differences(a: Float64Array, b: Float64Array): Float64Array {
  const left = a.slice();
  for (let i = 0; i < left.length; i++) left[i] -= b[i];
  return left;
}
