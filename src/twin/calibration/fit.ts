import { COMPONENTS, COMPONENT_NAMES, type Constants } from "./constants.ts";
import { type Table, spreadOf, termsOf } from "./factors.ts";
import { type ModelSizes, modelSizes } from "./model-sizes.ts";
import { predictPoint } from "./predict-point.ts";
import type { ServingPoint, ServingTimes } from "./serving-point.ts";

export interface Measured {
  readonly point: ServingPoint;
  readonly times: ServingTimes;
  readonly weight?: number;
}

/** What is left after the best fit, in logarithms: how far a point may be off before it counts less. */
const NOISE = { tpot: 0.06, ttft: 0.2, rate: 0.08 };

const STEP = 1e-3;
const PULL = 2.5;

/** Constants that make what is measured most probable, given what is believed beforehand. */
export function fit(measured: readonly Measured[], rounds = 12): Table {
  const names: string[] = [];
  const index = new Map<string, number>();
  const of = (term: string) => {
    let at = index.get(term);
    if (at === undefined) {
      at = names.length;
      index.set(term, at);
      names.push(term);
    }
    return at;
  };
  const rows = measured.map(({ point, times, weight = 1 }) => ({
    point,
    weight,
    sizes: modelSizes(point.model, point.precision),
    terms: COMPONENT_NAMES.map((component) => termsOf(component, point).map(of)),
    target: [Math.log(times.tpotMs), Math.log(times.ttftMs), Math.log(times.outTokSGpu)],
  }));
  const n = names.length;
  const precision = names.map((name) => 1 / spreadOf(name) ** 2);
  let theta = new Float64Array(n);
  let damping = 1e-2;
  let loss = total(theta);
  const sigma = [NOISE.tpot, NOISE.ttft, NOISE.rate];
  for (let round = 0; round < rounds; round++) {
    const hessian = new Float64Array(n * n);
    const gradient = new Float64Array(n);
    for (const row of rows) {
      const logs = logsOf(row.terms, theta);
      const base = outcome(row.point, row.sizes, logs);
      const slopes = COMPONENT_NAMES.map((_, i) => {
        logs[i] += STEP;
        const moved = outcome(row.point, row.sizes, logs);
        logs[i] -= STEP;
        return moved.map((value, k) => (value - base[k]) / STEP);
      });
      for (let k = 0; k < 3; k++) {
        const error = (row.target[k] - base[k]) / sigma[k];
        const weight = (row.weight / sigma[k] ** 2) / Math.sqrt(1 + (error / PULL) ** 2);
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
          gradient[columns[a]] += weight * values[a] * error * sigma[k];
          for (let b = 0; b < columns.length; b++) {
            hessian[columns[a] * n + columns[b]] += weight * values[a] * values[b];
          }
        }
      }
    }
    for (let i = 0; i < n; i++) {
      gradient[i] -= precision[i] * theta[i];
      hessian[i * n + i] += precision[i];
    }
    let better = false;
    for (let tries = 0; tries < 6 && !better; tries++) {
      const damped = hessian.slice();
      for (let i = 0; i < n; i++) damped[i * n + i] *= 1 + damping;
      const step = solve(damped, gradient, n);
      const next = theta.map((value, i) => value + Math.max(-0.7, Math.min(0.7, step[i])));
      const nextLoss = total(next);
      if (nextLoss < loss) {
        const gained = loss - nextLoss;
        theta = next;
        loss = nextLoss;
        damping = Math.max(1e-6, damping / 4);
        better = true;
        if (gained < 1e-4 * loss) return done();
      } else damping *= 6;
    }
    if (!better) break;
  }
  return done();

  function done(): Table {
    return new Map(names.map((name, i) => [name, theta[i]]));
  }

  function total(at: Float64Array): number {
    const noise = [NOISE.tpot, NOISE.ttft, NOISE.rate];
    let sum = 0;
    for (const row of rows) {
      const found = outcome(row.point, row.sizes, logsOf(row.terms, at));
      for (let k = 0; k < 3; k++) {
        const error = (row.target[k] - found[k]) / noise[k];
        sum += row.weight * PULL * PULL * (Math.sqrt(1 + (error / PULL) ** 2) - 1);
      }
    }
    for (let i = 0; i < n; i++) sum += 0.5 * precision[i] * at[i] ** 2;
    return sum;
  }
}

function logsOf(terms: readonly (readonly number[])[], theta: Float64Array): number[] {
  return terms.map((indices) => indices.reduce((sum, at) => sum + theta[at], 0));
}

function outcome(point: ServingPoint, sizes: ModelSizes, logs: readonly number[]): number[] {
  const constants = {} as Record<string, number>;
  COMPONENT_NAMES.forEach((name, i) => {
    constants[name] = COMPONENTS[name].prior * Math.exp(logs[i]);
  });
  const { ttftMs, tpotMs, outTokSGpu } = predictPoint(point, sizes, constants as Constants);
  return [Math.log(tpotMs), Math.log(ttftMs), Math.log(outTokSGpu)];
}

/** Solves a positive definite system (Cholesky); destroys the matrix. */
function solve(matrix: Float64Array, right: Float64Array, n: number): Float64Array {
  for (let j = 0; j < n; j++) {
    let d = matrix[j * n + j];
    for (let k = 0; k < j; k++) d -= matrix[j * n + k] ** 2;
    const root = Math.sqrt(Math.max(d, 1e-12));
    matrix[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let value = matrix[i * n + j];
      for (let k = 0; k < j; k++) value -= matrix[i * n + k] * matrix[j * n + k];
      matrix[i * n + j] = value / root;
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= matrix[i * n + k] * x[k];
    x[i] /= matrix[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= matrix[k * n + i] * x[k];
    x[i] /= matrix[i * n + i];
  }
  return x;
}
