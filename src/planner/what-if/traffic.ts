import type { Times } from "../right-sizing/measured.ts";
import type { Expected, UnitTwin } from "../right-sizing/unit-twin.ts";
import { type MostCarried, keptUp, mostCarried } from "./most-carried.ts";

/** What a pool is expected to come to under a part of the traffic that is measured. Milliseconds as clients see them. */
export interface TrafficPoint {
  readonly factor: number;
  readonly requestsPerSecond: number;
  /** Prompt and answer tokens, forwarded. */
  readonly tokensPerSecond: number;
  /** Whether that is what comes; else requests queue up without end. */
  readonly keepsUp: boolean;
  readonly stepMs: number | null;
  readonly ttftMs: TwoPercentiles | null;
  readonly itlMs: TwoPercentiles | null;
}

/** Milliseconds. */
export interface TwoPercentiles {
  readonly p50: number;
  readonly p95: number;
}

/** What is found so far. */
export interface TrafficFound {
  most: MostCarried | null;
  readonly points: TrafficPoint[];
}

/** Parts of the traffic that are tried, in this order: what matters most comes first. */
const FACTORS = [1, 1.5, 1.25, 2, 3, 0.5, 2.5, 0.75];

/** Until it is known what is carried at most, a run says by itself whether it kept up. */
const UNKNOWN: MostCarried = { tokensPerSecond: 0, factor: 0, atLeast: true };

/**
 * More and less traffic through a unit as it runs. Beyond what it carries no more is tried: times there say how long the
 * run was. Yields within each run; what is found so far counts.
 */
export function* trafficWhatIf(twin: UnitTwin, found: TrafficFound): Generator<number, void> {
  const { unit } = twin.pool;
  const today = yield* twin.expect(unit, 1);
  found.points.push(pointOf(twin, today, UNKNOWN));
  const most = yield* mostCarried(twin, unit);
  found.most = most;
  found.points[0] = pointOf(twin, today, most);
  for (const factor of FACTORS.slice(1)) {
    const lost = found.points.filter(({ keepsUp }) => !keepsUp).map((point) => point.factor);
    if (factor > Math.min(...lost)) continue;
    found.points.push(pointOf(twin, yield* twin.expect(unit, factor), most));
    found.points.sort((a, b) => a.factor - b.factor);
  }
}

function pointOf({ pool, measured }: UnitTwin, run: Expected, most: MostCarried): TrafficPoint {
  // A run is too short to tell a little too much from what is carried.
  const tooMuch = !most.atLeast && run.factor > most.factor;
  return {
    factor: run.factor,
    requestsPerSecond: run.factor * measured.rate,
    tokensPerSecond: pool.units * run.tokensPerSecond,
    keepsUp: keptUp(run) && !tooMuch,
    stepMs: run.stepMs,
    ttftMs: twoOf(run.ttftMs),
    itlMs: twoOf(run.itlMs),
  };
}

/** Null where there are none. */
export function twoOf(times: Times | null): TwoPercentiles | null {
  return times === null ? null : { p50: times.p50, p95: times.p95 };
}
