import { Rng } from "../../lib/rng.ts";
import { blockLength, drawBlocks, isShort } from "./blocks.ts";
import { METRICS, type Metric, RunMetrics } from "./run-metrics.ts";
import type { RunValues } from "./run-values.ts";

/** `too few`: no percentile of so few values is worth an interval. `not measured`: one run, or both, has none. */
export type Verdict = "better" | "worse" | "no difference" | "too few" | "not measured";

export interface ComparedMetric {
  readonly metric: Metric;
  readonly a: number | null;
  readonly b: number | null;
  /** b / a and b − a, with what lies between in 95 of 100 draws; null where it cannot be said. */
  readonly ratio: number | null;
  readonly ratio95: Interval | null;
  readonly difference: number | null;
  readonly difference95: Interval | null;
  /** Of the second run. */
  readonly verdict: Verdict;
}

type Interval = readonly [low: number, high: number];

export interface Comparison {
  /** The same requests were asked of both, so that the same blocks are drawn of both. */
  readonly paired: boolean;
  /** Requests of a block, of each run. */
  readonly blocks: readonly [a: number, b: number];
  /** A run has too few requests for its blocks to be as long as they should be. */
  readonly short: boolean;
  readonly draws: number;
  readonly metrics: readonly ComparedMetric[];
}

const MOST_DRAWS = 1000;
const LEAST_DRAWS = 200;
/** Of a request in a draw: so that the largest runs take seconds, too. */
const MOST_WORK = 1e8;
/** Values beyond a percentile, at least. */
const FEW = 5;
const LEVEL = 0.95;

/**
 * Holds two runs against each other. Intervals are by bootstrap over blocks of requests in a row; the same seed draws
 * the same.
 * @param mostDraws fewer for large runs
 */
export function compareRuns(a: RunValues, b: RunValues, seed: number, mostDraws = MOST_DRAWS): Comparison {
  const paired = sameRequests(a, b);
  const [ofA, ofB] = [new RunMetrics(a), new RunMetrics(b)];
  const own = [a, b].map(({ count, meanInFlight }) => blockLength(count, meanInFlight));
  const together = Math.max(...own);
  const blocks: [number, number] = paired ? [together, together] : [own[0], own[1]];
  const draws = Math.min(mostDraws, Math.max(LEAST_DRAWS, Math.floor(MOST_WORK / (a.count + b.count + 1))));
  const [drawnA, drawnB] = [new Uint32Array(a.count).fill(1), new Uint32Array(b.count).fill(1)];
  const [seenA, seenB] = [ofA.of(drawnA), ofB.of(drawnB)];
  const differences = METRICS.map(() => new Float64Array(draws));
  const ratios = METRICS.map(() => new Float64Array(draws));
  const rng = new Rng(seed);
  for (let draw = 0; draw < draws; draw++) {
    drawBlocks(drawnA, blocks[0], rng);
    if (paired) drawnB.set(drawnA);
    else drawBlocks(drawnB, blocks[1], rng);
    const [valuesA, valuesB] = [ofA.of(drawnA), ofB.of(drawnB)];
    for (let i = 0; i < METRICS.length; i++) {
      differences[i][draw] = valuesB[i] - valuesA[i];
      ratios[i][draw] = valuesB[i] / valuesA[i];
    }
  }
  const wider = stretch(Math.min(a.count / blocks[0], b.count / blocks[1]));
  const [samplesA, samplesB] = [ofA.samples(), ofB.samples()];
  const metrics = METRICS.map((metric, i) => {
    const enough = Math.min(samplesA[i], samplesB[i]) * (metric.beyond ?? 1) >= FEW;
    return compared(metric, [seenA[i], seenB[i]], enough, [differences[i], ratios[i]], wider);
  });
  const short = [a, b].some(({ count, meanInFlight }) => isShort(count, meanInFlight));
  return { paired, blocks, short, draws, metrics };
}

function compared(
  metric: Metric,
  [a, b]: readonly [number, number],
  enough: boolean,
  [differences, ratios]: readonly [Float64Array, Float64Array],
  wider: number,
): ComparedMetric {
  const difference95 = enough ? interval(differences, b - a, wider) : null;
  return {
    metric,
    a: finite(a),
    b: finite(b),
    ratio: finite(b / a),
    ratio95: enough ? interval(ratios, b / a, wider) : null,
    difference: finite(b - a),
    difference95,
    verdict: verdictOf(metric, finite(b - a), enough, difference95),
  };
}

function verdictOf(metric: Metric, seen: number | null, enough: boolean, between: Interval | null): Verdict {
  if (seen === null) return "not measured";
  if (!enough || between === null) return "too few";
  const [low, high] = between;
  if (low <= 0 && high >= 0) return "no difference";
  return low > 0 === (metric.better === "higher") ? "better" : "worse";
}

/** Null where a draw has no value. @param seen what lies between, as the runs themselves have it */
function interval(values: Float64Array, seen: number, wider: number): Interval | null {
  if (values.some((value) => !Number.isFinite(value))) return null;
  const sorted = values.toSorted();
  const tail = (1 - LEVEL) / 2;
  const at = (part: number): number => {
    const drawn = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))];
    return seen + (drawn - seen) * wider;
  };
  return [at(tail), at(1 - tail)];
}

/**
 * Draws of few blocks vary too little: as a deviation of so many values is too small by √(1 − 1/n), and as Student's t
 * lies outside the normal deviate (its first term, for 95 %).
 */
function stretch(blocks: number): number {
  const free = Math.max(1, blocks - 1);
  return Math.sqrt((free + 1) / free) * (1 + 1.21 / free);
}

function sameRequests(a: RunValues, b: RunValues): boolean {
  return (
    a.count === b.count &&
    a.index.every((index, i) => index === b.index[i]) &&
    a.asked.every((asked, i) => asked === b.asked[i])
  );
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
