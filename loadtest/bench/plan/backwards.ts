import { Rng } from "../../../src/lib/rng.ts";
import { candidates } from "../../../src/planner/candidates.ts";
import { usersDemand } from "../../../src/planner/demand.ts";
import { type Layout, gpusOf, unitGpus } from "../../../src/planner/layout.ts";
import { KnownTrials } from "../../../src/planner/known-trials.ts";
import { LoadLines } from "../../../src/planner/load-line.ts";
import type { PlanProblem } from "../../../src/planner/plan-problem.ts";
import { isPlan, makePlan } from "../../../src/planner/plan.ts";
import { ratedLayouts } from "../../../src/planner/rated-layouts.ts";
import { TrialsHere } from "../../../src/planner/trials-here.ts";
import { same } from "./coverage.ts";
import type { MeasuredPoint } from "./measured-candidates.ts";
import { readQuestion } from "./plan-question.ts";
import { TrialsByMeans } from "./trials-by-means.ts";

/** How a measured point is asked. */
export interface Way {
  readonly name: string;
  /** Limits over what was measured. */
  readonly factor: number;
  /** Like for like: as many users as were measured, each with one request after the other, and means, without room to a load line. */
  readonly alike: boolean;
}

export const WAYS: readonly Way[] = [
  { name: "as many users, means within × 1.1", factor: 1.1, alike: true },
  { name: "independent requests, p95 within × 1.1", factor: 1.1, alike: false },
  { name: "independent requests, p95 within × 1.5", factor: 1.5, alike: false },
];

/** What `plan` made of a measured point. */
export interface Answer {
  readonly of: MeasuredPoint;
  readonly way: Way;
  /** Of the plan; null without one. */
  readonly gpus: number | null;
  readonly layout: Layout | null;
  /** Whether it is the measured configuration, in as many engines. */
  readonly found: boolean;
  /** Whether the plan's layout keeps the limits at its load as measured; null where it was not measured at such a load. */
  readonly keeps: boolean | null;
  /** What the twin makes of the measured engine at its load; null where `plan` may not have such an engine. */
  readonly own: Own | null;
}

/** Times over their limits. */
interface Own {
  readonly ttft: number;
  readonly tpot: number;
  readonly keeps: boolean;
}

/** Longer answers take the twin too long. */
const LONGEST_ANSWER = 2048;
/** That count in each run of the twin, in place of 300. */
const REQUESTS = 60;

/** Prompts and answers together, without a queue in front. */
export function askable(all: readonly MeasuredPoint[]): MeasuredPoint[] {
  return all.filter(
    ({ point, row }) =>
      point.prefill === null &&
      !row.queued &&
      point.osl <= LONGEST_ANSWER &&
      gpusOf(point.decode) * point.decode.count === point.gpus,
  );
}

/** One point of each engine with a model, precision and type of GPU, drawn. */
export function thinned(all: readonly MeasuredPoint[], seed: number): MeasuredPoint[] {
  const rng = new Rng(seed, 32);
  const by = new Map<string, MeasuredPoint[]>();
  for (const one of all) {
    const { model, gpu, backend, precision } = one.point;
    const name = [model.name, gpu.name, backend, precision].join(" ");
    by.set(name, [...(by.get(name) ?? []), one]);
  }
  return [...by.values()].map((some) => some[rng.below(some.length)]);
}

const UNWATCHED = { progress: () => {}, signal: new AbortController().signal };

/** Asks `plan` for what was measured: its load, its lengths, its times. */
export async function askBackwards(
  of: MeasuredPoint,
  way: Way,
  all: readonly MeasuredPoint[],
  seed: number,
): Promise<Answer> {
  const { problem, errors } = await questionOf(of, way, seed);
  const here = new TrialsHere(problem, REQUESTS);
  const trials = new KnownTrials(way.alike ? new TrialsByMeans(here, problem) : here);
  const options = way.alike ? { stepsBelow: 0 } : {};
  const plan = await makePlan(problem, trials, errors, UNWATCHED, options);
  const own = await ownOf(of, problem, new LoadLines(trials, problem, options));
  if (!isPlan(plan)) return { of, way, gpus: null, layout: null, found: false, keeps: null, own };
  const { layout } = plan.chosen;
  const found =
    layout.prefill === null && same(layout.decode, of.point.decode) && plan.units === of.point.decode.count;
  const keeps = measuredAt(layout, plan.rate / plan.units, of, way, all);
  return { of, way, gpus: plan.units * unitGpus(layout), layout, found, keeps, own };
}

async function ownOf({ point }: MeasuredPoint, problem: PlanProblem, lines: LoadLines): Promise<Own | null> {
  const isOwn = ({ prefill, decode, redundantSlots }: Layout) =>
    prefill === null && redundantSlots === 0 && same(decode, point.decode);
  const layout =
    ratedLayouts(problem).find((one) => isOwn(one.layout))?.layout ?? candidates(problem).findLast(isOwn);
  if (layout === undefined) return null;
  const { keeps, ttftMs, itlMs } = await lines.atRate(layout, problem.demand.rate / point.decode.count);
  const over = (time: number | null, limit: number) => (time ?? Number.POSITIVE_INFINITY) / limit;
  return { keeps, ttft: over(ttftMs, problem.target.ttftMs), tpot: over(itlMs, problem.target.itlMs) };
}

async function questionOf({ point, measured }: MeasuredPoint, { factor, alike }: Way, seed: number) {
  const mean = (1 + point.lengthRatio) / 2;
  const [isl, osl] = [point.isl, point.osl].map((tokens) => Math.max(1, Math.round(tokens * mean)));
  const [ttft, itl] = [factor * measured.ttftMs, factor * measured.tpotMs];
  const asked = await readQuestion(point, {
    isl,
    osl,
    rate: (measured.outTokSGpu * point.gpus) / point.osl,
    ...(alike ? { ttftP50: ttft, itlP50: itl } : { ttftP95: ttft, itlP95: itl }),
    seed,
  });
  if (!alike) return asked;
  const demand = usersDemand(point.concurrency, 0, isl, osl, {
    within: (1 - point.lengthRatio) / (1 + point.lengthRatio),
  });
  return { ...asked, problem: { ...asked.problem, demand } };
}

/** Loads that are so far apart are the same. */
const SIMILAR = 1.25;

/** Whether a layout keeps the limits at a load of one unit, where the same model's points say. */
function measuredAt(
  { prefill, decode, type }: Layout,
  rate: number,
  { point, measured }: MeasuredPoint,
  { factor }: Way,
  all: readonly MeasuredPoint[],
): boolean | null {
  if (prefill !== null) return null;
  const off = (one: MeasuredPoint) => Math.abs(Math.log(rateOf(one) / one.point.decode.count / rate));
  const [nearest] = all
    .filter(
      ({ point: other }) =>
        other.prefill === null &&
        other.model.name === point.model.name &&
        other.gpu.name === type.gpu.name &&
        other.backend === point.backend &&
        other.precision === point.precision &&
        other.isl === point.isl &&
        other.osl === point.osl &&
        same(other.decode, decode),
    )
    .sort((a, b) => off(a) - off(b));
  if (nearest === undefined || off(nearest) > Math.log(SIMILAR)) return null;
  return (
    nearest.measured.ttftMs <= factor * measured.ttftMs && nearest.measured.tpotMs <= factor * measured.tpotMs
  );
}

function rateOf({ point, measured }: MeasuredPoint): number {
  return (measured.outTokSGpu * point.gpus) / point.osl;
}
