import { gamma } from "../../lib/deviates.ts";
import { Rng } from "../../lib/rng.ts";

/** Random stream beside the prompts' and the leaving users'. */
const ARRIVALS = 3;

const SECOND = 1000;

/** How many requests come a second, as time goes on: `from` at first, then evenly to `to`, then `to` for good. */
export interface RateCourse {
  /** Requests per second, ≥ 0; at least one of the two is above 0. */
  readonly from: number;
  readonly to: number;
  /** How long the rate stays at `from`, and how long it then takes to `to`; milliseconds, ≥ 0. */
  readonly holdMs: number;
  readonly rampMs: number;
}

/**
 * When requests come, milliseconds; endless, unless the rate goes down to 0. Gaps are drawn from a gamma distribution of
 * this shape, as `vllm bench serve` has them: 1 for a Poisson process, burstier below it, `Infinity` for even gaps. Where
 * the rate changes, the same process runs on a clock that goes as fast as the rate.
 * @param burstiness > 0
 */
export function arrivalTimes(course: RateCourse, burstiness: number, seed: number): Generator<number, void> {
  return arrivalsBy((count) => timeOf(count, course), burstiness, seed);
}

/**
 * The same on any clock.
 * @param timeAt by when so many requests have come, on average; null where so many never come
 */
export function* arrivalsBy(
  timeAt: (count: number) => number | null,
  burstiness: number,
  seed: number,
): Generator<number, void> {
  const rng = new Rng(seed, ARRIVALS);
  const even = burstiness === Number.POSITIVE_INFINITY;
  const gap = (): number => (even ? 1 : gamma(rng, burstiness) / burstiness);
  // Even ones begin at once; drawn ones after a gap, as any stretch of such a process does.
  for (let count = even ? 0 : gap(); ; count += gap()) {
    const timeMs = timeAt(count);
    if (timeMs === null) return;
    yield timeMs;
  }
}

/** By when so many requests have come, on average; null where so many never come. */
export function timeOf(count: number, { from, to, holdMs, rampMs }: RateCourse): number | null {
  const held = (from * holdMs) / SECOND;
  if (count < held) return (count / from) * SECOND;
  const ramp = rampMs / SECOND;
  const ramped = ((from + to) / 2) * ramp;
  const rest = count - held;
  if (rest < ramped) {
    // from·t + (to − from)·t² / 2·ramp = rest, solved so that nothing cancels out.
    const slope = (to - from) / ramp;
    const root = Math.sqrt(Math.max(0, from * from + 2 * slope * rest));
    return holdMs + (rest === 0 ? 0 : ((2 * rest) / (from + root)) * SECOND);
  }
  if (to === 0) return rest === ramped && rest > 0 ? holdMs + rampMs : null;
  return holdMs + rampMs + ((rest - ramped) / to) * SECOND;
}
