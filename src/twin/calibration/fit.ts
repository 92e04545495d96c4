import { factorize, inverseDiagonal, solveFactorized } from "./cholesky.ts";
import { COMPONENT_NAMES, type ComponentName } from "./constants.ts";
import { type Table, constantsAt, logOf, ownTermsOf, spreadOf, termsOf } from "./factors.ts";
import { type ModelSizes, modelSizes } from "./model-sizes.ts";
import { predictPoint } from "./predict-point.ts";
import type { ServingPoint, ServingTimes } from "./serving-point.ts";

/** A point with what was measured at it. */
export interface Measured {
  readonly point: ServingPoint;
  readonly times: ServingTimes;
}

/** Constants that were fitted to measured points. */
export interface Fit {
  readonly table: Table;
  /** Of each term, how uncertain its logarithm is. */
  readonly deviations: ReadonlyMap<string, number>;
}

/** How far TPOT, TTFT and throughput may be off, in logarithms, before they count less. */
const NOISE = [0.06, 0.2, 0.08];
/** In noises, where errors begin to count by their size rather than their square. */
const OUTLIERS = [1, 0.8, 1];
/** For slopes by differences. */
const STEP = 1e-3;
const ROUNDS = 12;
/** No logarithm moves further in one round. */
const LEAP = 0.7;
/** Rounds that gain a smaller part than this are the last. */
const ENOUGH = 1e-4;
/** Points of one configuration are alike: together they weigh less than as many others. */
const CROWDING = 0.25;

interface Row {
  readonly point: ServingPoint;
  readonly sizes: ModelSizes;
  readonly weight: number;
  /** `[components]`: what is not fitted. */
  readonly offsets: readonly number[];
  /** `[components][terms]` */
  readonly terms: readonly (readonly number[])[];
  readonly target: readonly number[];
}

/** Constants that make what is measured most probable, given what is believed beforehand. */
export function fit(measured: readonly Measured[]): Fit {
  return fitTerms(measured, new Map(), termsOf);
}

/**
 * A table for a user's own system: a few factors are fitted to what was measured there, and all else stays.
 * @param table what is shipped
 */
export function fitOwn(table: Table, measured: readonly Measured[]): Fit {
  const own = fitTerms(measured, table, ownTermsOf);
  return { table: new Map([...table, ...own.table]), deviations: own.deviations };
}

type Terms = (component: ComponentName, point: ServingPoint) => string[];

function fitTerms(measured: readonly Measured[], base: Table, termsFor: Terms): Fit {
  const index = new Map<string, number>();
  const rows = rowsOf(measured, base, (component, point) =>
    termsFor(component, point).map((term) => {
      const at = index.get(term) ?? index.size;
      index.set(term, at);
      return at;
    }),
  );
  const names = [...index.keys()];
  const n = names.length;
  const precision = Float64Array.from(names, (name) => 1 / spreadOf(name) ** 2);
  let theta: Float64Array = new Float64Array(n);
  let loss = lossOf(rows, theta, precision);
  let damping = 1e-2;
  for (let round = 0; round < ROUNDS; round++) {
    const { hessian, gradient } = slopesOf(rows, theta, precision);
    const before = loss;
    for (let attempt = 0; attempt < 6 && loss === before; attempt++) {
      const damped = hessian.slice();
      for (let i = 0; i < n; i++) damped[i * n + i] *= 1 + damping;
      factorize(damped, n);
      const step = solveFactorized(damped, gradient, n);
      const next = theta.map((value, i) => value + Math.max(-LEAP, Math.min(LEAP, step[i])));
      const nextLoss = lossOf(rows, next, precision);
      if (nextLoss < loss) {
        theta = next;
        loss = nextLoss;
        damping = Math.max(1e-6, damping / 4);
      } else damping *= 6;
    }
    if (before - loss < ENOUGH * loss) break;
  }
  const { hessian } = slopesOf(rows, theta, precision);
  factorize(hessian, n);
  const variances = inverseDiagonal(hessian, n);
  return {
    table: new Map(names.map((name, i) => [name, theta[i]])),
    deviations: new Map(names.map((name, i) => [name, Math.sqrt(variances[i])])),
  };
}

function rowsOf(
  measured: readonly Measured[],
  base: Table,
  termsAt: (component: ComponentName, point: ServingPoint) => readonly number[],
): readonly Row[] {
  const alike = new Map<string, number>();
  for (const { point } of measured)
    alike.set(configurationOf(point), (alike.get(configurationOf(point)) ?? 0) + 1);
  return measured.map(({ point, times }) => ({
    point,
    sizes: modelSizes(point.model, point.precision),
    weight: (alike.get(configurationOf(point)) ?? 1) ** -CROWDING,
    offsets: COMPONENT_NAMES.map((component) => logOf(base, component, point)),
    terms: COMPONENT_NAMES.map((component) => termsAt(component, point)),
    target: [Math.log(times.tpotMs), Math.log(times.ttftMs), Math.log(times.outTokSGpu)],
  }));
}

/** What was run, but for its load: points that share it are not independent. */
export function configurationOf(point: ServingPoint): string {
  const { backend, version, family, gpu, precision, prefill, decode } = point;
  const shape = [prefill, decode].map((w) =>
    w === null ? "-" : [w.count, w.tp, w.dp, w.ep, w.moeTp].join("x"),
  );
  return [backend, version || "?", gpu.name, precision, family, ...shape].join(" | ");
}

/** The gradient of the probability's logarithm, and the Gauss-Newton Hessian of its negative. */
function slopesOf(rows: readonly Row[], theta: Float64Array, precision: Float64Array) {
  const n = theta.length;
  const hessian = new Float64Array(n * n);
  const gradient = new Float64Array(n);
  for (const row of rows) {
    const logs = logsOf(row, theta);
    const base = outcome(row, logs);
    const slopes = COMPONENT_NAMES.map((_, i) => {
      if (row.terms[i].length === 0) return [0, 0, 0];
      logs[i] += STEP;
      const moved = outcome(row, logs);
      logs[i] -= STEP;
      return moved.map((value, k) => (value - base[k]) / STEP);
    });
    NOISE.forEach((noise, k) => {
      const error = row.target[k] - base[k];
      const weight = row.weight / noise ** 2 / Math.sqrt(1 + (error / noise / OUTLIERS[k]) ** 2);
      const columns: number[] = [];
      const values: number[] = [];
      slopes.forEach((slope, i) => {
        if (Math.abs(slope[k]) < 1e-6) return;
        for (const at of row.terms[i]) {
          columns.push(at);
          values.push(slope[k]);
        }
      });
      for (let a = 0; a < columns.length; a++) {
        gradient[columns[a]] += weight * values[a] * error;
        for (let b = 0; b < columns.length; b++) {
          hessian[columns[a] * n + columns[b]] += weight * values[a] * values[b];
        }
      }
    });
  }
  for (let i = 0; i < n; i++) {
    gradient[i] -= precision[i] * theta[i];
    hessian[i * n + i] += precision[i];
  }
  return { hessian, gradient };
}

function lossOf(rows: readonly Row[], theta: Float64Array, precision: Float64Array): number {
  let sum = 0;
  for (const row of rows) {
    const found = outcome(row, logsOf(row, theta));
    NOISE.forEach((noise, k) => {
      const error = (row.target[k] - found[k]) / noise;
      sum += row.weight * OUTLIERS[k] ** 2 * (Math.sqrt(1 + (error / OUTLIERS[k]) ** 2) - 1);
    });
  }
  for (let i = 0; i < theta.length; i++) sum += 0.5 * precision[i] * theta[i] ** 2;
  return sum;
}

function logsOf({ offsets, terms }: Row, theta: Float64Array): number[] {
  return terms.map((indices, i) => indices.reduce((sum, at) => sum + theta[at], offsets[i]));
}

function outcome({ point, sizes }: Row, logs: readonly number[]): readonly number[] {
  const { ttftMs, tpotMs, outTokSGpu } = predictPoint(point, sizes, constantsAt(logs));
  return [Math.log(tpotMs), Math.log(ttftMs), Math.log(outTokSGpu)];
}
