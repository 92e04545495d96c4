import { CurveSteps, loadOfStep, stepsIn } from "../curve/curve-steps.ts";
import type { ReplayReport } from "../report/report.ts";
import { goodputOf, numberIn } from "../report/report-value.ts";
import type { RequestFigures } from "../report/request-figures.ts";
import { type Comparison, compareRuns } from "./compare-runs.ts";
import { doubts } from "./doubts.ts";
import { type ComparedHighest, compareHighest, highestLoad } from "./highest-load.ts";
import { type RunValues, runValues } from "./run-values.ts";

const SECOND = 1000;
/** Requests drawn, over all steps: so that the largest curves take seconds, too. */
const MOST_WORK = 1e8;
const MOST_DRAWS = 1000;

/** A load curve with its requests. */
export interface CurveRun {
  readonly report: ReplayReport;
  readonly requests: readonly RequestFigures[];
}

/** A load that both curves have. */
export interface ComparedStep {
  readonly load: number;
  readonly requests: readonly [a: number, b: number];
  readonly comparison: Comparison;
}

export interface CurveComparison {
  /** By load. */
  readonly steps: readonly ComparedStep[];
  /** Loads of one curve alone. */
  readonly onlyA: readonly number[];
  readonly onlyB: readonly number[];
  readonly highest: ComparedHighest;
  /** What makes it doubtful: one line each. */
  readonly warnings: readonly string[];
}

/** Holds two load curves against each other, step by step where their loads are equal; B's requests by A's targets. */
export function compareCurves(a: CurveRun, b: CurveRun, seed: number): CurveComparison {
  const pairs = sharedSteps(stepsIn(a.report), stepsIn(b.report));
  const goodput = goodputOf(a.report) ?? goodputOf(b.report);
  const [valuesA, valuesB] = [a, b].map((curve) => valuesBySteps(curve, goodput));
  const draws = Math.min(MOST_DRAWS, Math.floor(MOST_WORK / (a.requests.length + b.requests.length + 1)));
  const steps: ComparedStep[] = [];
  const doubtful = new Map<string, number[]>();
  for (const { load, placeA, placeB } of pairs) {
    const [ofA, ofB] = [valuesA(placeA), valuesB(placeB)];
    const comparison = compareRuns(ofA, ofB, seed, draws);
    steps.push({ load, requests: [ofA.count, ofB.count], comparison });
    const lines = doubts(stepsIn(a.report)[placeA], stepsIn(b.report)[placeB], comparison);
    for (const line of lines) doubtful.set(line, [...(doubtful.get(line) ?? []), load]);
  }
  return {
    steps,
    onlyA: loadsBeside(
      a.report,
      pairs.map(({ placeA }) => placeA),
    ),
    onlyB: loadsBeside(
      b.report,
      pairs.map(({ placeB }) => placeB),
    ),
    highest: compareHighest(highestLoad(a.report), highestLoad(b.report)),
    warnings: [...doubtful].map(([line, loads]) =>
      loads.length === pairs.length ? line : `At ${loads.join(", ")}: ${line}`,
    ),
  };
}

interface SharedStep {
  readonly load: number;
  readonly placeA: number;
  readonly placeB: number;
}

/** By load; of steps of one load the first of each, then the second. */
function sharedSteps(a: readonly ReplayReport[], b: readonly ReplayReport[]): SharedStep[] {
  const left = b.map(loadOfStep);
  const shared: SharedStep[] = [];
  for (const [placeA, step] of a.entries()) {
    const load = loadOfStep(step);
    const placeB = left.indexOf(load);
    if (placeB < 0) continue;
    left[placeB] = Number.NaN;
    shared.push({ load, placeA, placeB });
  }
  return shared.sort((one, other) => one.load - other.load);
}

function loadsBeside(report: ReplayReport, shared: readonly number[]): number[] {
  return stepsIn(report)
    .filter((_, place) => !shared.includes(place))
    .map(loadOfStep)
    .sort((one, other) => one - other);
}

/** What was measured in each step, by its place. */
function valuesBySteps(
  { report, requests }: CurveRun,
  goodput: ReturnType<typeof goodputOf>,
): (place: number) => RunValues {
  const steps = stepsIn(report);
  const places = new CurveSteps(steps);
  const held: RequestFigures[][] = steps.map(() => []);
  for (const request of requests) held[places.placeOf(request)]?.push(request);
  const fromMs = (numberIn(report, "settle_seconds") ?? 0) * SECOND;
  return (place) => {
    // A step that was stopped early, or that so many requests bound, has no time of its own.
    const seconds = numberIn(steps[place], "window_seconds");
    const window = seconds === null ? null : { fromMs, toMs: fromMs + seconds * SECOND };
    return runValues(held[place], seconds ?? numberIn(steps[place], "duration") ?? 0, goodput, window);
  };
}
