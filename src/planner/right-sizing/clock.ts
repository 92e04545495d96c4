import type { Times } from "./measured.ts";

/** What the model says of a load: the same as is measured there. */
export interface Predicted {
  readonly ttftMs: Times | null;
  readonly itlMs: Times | null;
  readonly balancedness: number | null;
}

/**
 * How the pool that runs differs from the model. `steps`: its clock; a pool whose steps take so many times as long is the
 * model on a slower clock, which at a rate does what the model does at `steps` times that rate, in `steps` times the time.
 * `ttft`, `itl`: what is left then of the 95th percentiles.
 */
export interface Clock {
  readonly steps: number;
  readonly ttft: number;
  readonly itl: number;
}

export const MODEL_CLOCK: Clock = { steps: 1, ttft: 1, itl: 1 };

/** No pool's steps differ more from the model's: beyond, something else is measured than is modelled. */
const MOST = 8;
const ROUNDS = 4;
const AGREES = 1.03;

/**
 * Finds the clock by which the model has the median time between tokens that is measured; without one, the median time to
 * the first token.
 * @param predict the model's times at a part of the load that is measured, as much as a clock of that part sees. The first
 *   token's has what passes outside the pool, which no clock changes
 * @param outsideMs that
 */
export function* clockOf(
  measured: { readonly ttftMs: Times | null; readonly itlMs: Times | null },
  first: Predicted,
  predict: (factor: number) => Generator<number, Predicted>,
  outsideMs: number,
): Generator<number, Clock> {
  let steps = 1;
  let now = first;
  for (let round = 0; round < ROUNDS; round++) {
    const wanted = stepsFor(measured, now, outsideMs);
    if (wanted === null) return MODEL_CLOCK;
    // Half way on a scale of ratios: a shorter clock lessens the load, too.
    const next = Math.min(MOST, Math.max(1 / MOST, round === 0 ? wanted : Math.sqrt(steps * wanted)));
    // What is left then is in the percentiles' own factors.
    if (Math.max(next / steps, steps / next) <= AGREES) break;
    steps = next;
    now = yield* predict(steps);
  }
  const ttft = now.ttftMs === null ? null : outsideMs + steps * (now.ttftMs.p95 - outsideMs);
  const itl = now.itlMs === null ? null : steps * now.itlMs.p95;
  return { steps, ttft: ratio(measured.ttftMs?.p95, ttft), itl: ratio(measured.itlMs?.p95, itl) };
}

function stepsFor(
  { ttftMs, itlMs }: { readonly ttftMs: Times | null; readonly itlMs: Times | null },
  { ttftMs: ttft, itlMs: itl }: Predicted,
  outsideMs: number,
): number | null {
  if (itlMs !== null && itl !== null && itl.p50 > 0) return itlMs.p50 / itl.p50;
  if (ttftMs === null || ttft === null) return null;
  const [took, takes] = [ttftMs.p50 - outsideMs, ttft.p50 - outsideMs];
  return took > 0 && takes > 0 ? took / takes : null;
}

function ratio(measured: number | undefined, predicted: number | null): number {
  return measured === undefined || predicted === null || predicted <= 0 ? 1 : measured / predicted;
}
