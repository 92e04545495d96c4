import { type Table, constantsOf } from "./factors.ts";
import type { Fit, Measured } from "./fit.ts";
import { modelSizes } from "./model-sizes.ts";
import { predictPoint } from "./predict-point.ts";
import type { ServingPoint, ServingTimes } from "./serving-point.ts";

/** What a table predicts of a point. */
export function predict(table: Table, point: ServingPoint): ServingTimes {
  return predictPoint(point, modelSizes(point.model, point.precision), constantsOf(table, point));
}

/**
 * Of every point, constants that are fitted without its part.
 * @param partOf  what must not be parted, and is left out together
 * @param fitTo   how constants are fitted
 * @param begun   is called before each part, with how many are behind
 */
export function crossFit<M extends Measured>(
  measured: readonly M[],
  partOf: (measured: M) => string,
  fitTo: (measured: readonly M[]) => Fit,
  begun: (part: string) => void,
): Table[] {
  const tables = new Map<string, Table>();
  for (const part of new Set(measured.map(partOf))) {
    begun(part);
    tables.set(part, fitTo(measured.filter((other) => partOf(other) !== part)).table);
  }
  return measured.map((one) => tables.get(partOf(one)) ?? new Map());
}

/** Predicts every point by constants that are fitted without its part. */
export function crossValidate<M extends Measured>(
  measured: readonly M[],
  partOf: (measured: M) => string,
  fitTo: (measured: readonly M[]) => Fit,
  begun: (part: string) => void = () => {},
): ServingTimes[] {
  const tables = crossFit(measured, partOf, fitTo, begun);
  return measured.map(({ point }, i) => predict(tables[i], point));
}
