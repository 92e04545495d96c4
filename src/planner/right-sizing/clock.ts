import type { ServiceTarget } from "../service-target.ts";
import { type Times, timeAt } from "./measured.ts";

/** What the model says of a load: the same as is measured there. */
export interface Predicted {
  readonly ttftMs: Times | null;
  readonly itlMs: Times | null;
  readonly balancedness: number | null;
}

/**
 * How the pool that runs differs from the model. `steps`: its clock; a pool whose steps take so many times as long is the
 * model on a slower clock, which at a rate does what the model does at `steps` times that rate, in `steps` times the time.
 * `outsideMs` no clock changes. `ttft`, `itl`: what is left then of the percentiles that are asked for.
 */
export interface Clock {
  readonly steps: number;
  /** Milliseconds of a first token that pass outside the pool: what of its median is not the pool's. */
  readonly outsideMs: number;
  readonly ttft: number;
  readonly itl: number;
}

/** No pool's steps differ more from the model's: beyond, something else is measured than is modelled. */
const MOST = 8;
const ROUNDS = 4;
const AGREES = 1.03;

/**
 * Finds the clock by which the model has the mean time between tokens that is measured, which so many sequences run by;
 * without one, the median time to the first token.
 * @param predict the model's times at a part of the load that is measured, as much as a clock of that part sees. The first
 *   token's has what passes outside the pool, which no clock changes
 * @param outsideMs that, as the model has it
 * @param at the percentiles of the target
 */
export function* clockOf(
  measured: { readonly ttftMs: Times | null; readonly itlMs: Times | null },
  first: Predicted,
  predict: (factor: number) => Generator<number, Predicted>,
  outsideMs: number,
  at: Pick<ServiceTarget, "ttftPercentile" | "itlPercentile">,
): Generator<number, Clock> {
  let steps = 1;
  let now = first;
  for (let round = 0; round < ROUNDS; round++) {
    const wanted = stepsFor(measured, now, outsideMs);
    if (wanted === null) return { steps: 1, outsideMs, ttft: 1, itl: 1 };
    // Half way on a scale of ratios: a shorter clock lessens the load, too.
    const next = Math.min(MOST, Math.max(1 / MOST, round === 0 ? wanted : Math.sqrt(steps * wanted)));
    // What is left then is in the percentiles' own factors.
    if (Math.max(next / steps, steps / next) <= AGREES) break;
    steps = next;
    now = yield* predict(steps);
  }
  const seen = (times: Times | null, percentile: number) =>
    times === null ? null : timeAt(times, percentile);
  const between = seen(now.itlMs, at.itlPercentile);
  const itl = ratio(seen(measured.itlMs, at.itlPercentile), between === null ? null : steps * between);
  if (measured.ttftMs === null || now.ttftMs === null) return { steps, outsideMs, ttft: 1, itl };
  const inside = (ms: number) => steps * (ms - outsideMs);
  const outside = Math.max(0, measured.ttftMs.p50 - inside(now.ttftMs.p50));
  const expected = outside + inside(timeAt(now.ttftMs, at.ttftPercentile));
  return {
    steps,
    outsideMs: outside,
    ttft: ratio(timeAt(measured.ttftMs, at.ttftPercentile), expected),
    itl,
  };
}

function stepsFor(
  { ttftMs, itlMs }: { readonly ttftMs: Times | null; readonly itlMs: Times | null },
  { ttftMs: ttft, itlMs: itl }: Predicted,
  outsideMs: number,
): number | null {
  if (itlMs !== null && itl !== null && itl.mean > 0) return itlMs.mean / itl.mean;
  if (ttftMs === null || ttft === null) return null;
  const [took, takes] = [ttftMs.p50 - outsideMs, ttft.p50 - outsideMs];
  return took > 0 && takes > 0 ? took / takes : null;
}

function ratio(measured: number | null, predicted: number | null): number {
  return measured === null || predicted === null || predicted <= 0 ? 1 : measured / predicted;
}
