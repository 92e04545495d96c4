import { Rng } from "../../../src/lib/rng.ts";
import { usersDemand } from "../../../src/planner/demand.ts";
import { type Layout, gpusOf, sayShape, unitGpus } from "../../../src/planner/layout.ts";
import { KnownTrials } from "../../../src/planner/known-trials.ts";
import { isPlan, makePlan } from "../../../src/planner/plan.ts";
import { TrialsHere } from "../../../src/planner/trials-here.ts";
import { same } from "./coverage.ts";
import type { MeasuredPoint } from "./measured-candidates.ts";
import { readQuestion } from "./plan-question.ts";

/** How a measured point is asked. */
export interface Way {
  readonly name: string;
  /** Limits over what was measured. */
  readonly factor: number;
  /** Like for like: as many users as were measured, each with one request after the other, and medians, without room to a load line. */
  readonly alike: boolean;
}

export const WAYS: readonly Way[] = [
  { name: "as many users, medians within × 1.1", factor: 1.1, alike: true },
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

/** One point of each engine's shape with a model, precision and type of GPU, drawn. */
export function thinned(all: readonly MeasuredPoint[], seed: number): MeasuredPoint[] {
  const rng = new Rng(seed, 32);
  const by = new Map<string, MeasuredPoint[]>();
  for (const one of all) {
    const { model, gpu, backend, precision, decode } = one.point;
    const name = [model.name, gpu.name, backend, precision, sayShape(decode), decode.count].join(" ");
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
  const trials = new KnownTrials(new TrialsHere(problem, REQUESTS));
  const plan = await makePlan(problem, trials, errors, UNWATCHED, way.alike ? { stepsBelow: 0 } : {});
  if (!isPlan(plan)) return { of, way, gpus: null, layout: null, found: false, keeps: null };
  const { layout } = plan.chosen;
  const found =
    layout.prefill === null && same(layout.decode, of.point.decode) && plan.units === of.point.decode.count;
  const keeps = measuredAt(layout, plan.rate / plan.units, of, way, all);
  return { of, way, gpus: plan.units * unitGpus(layout), layout, found, keeps };
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
  const demand = usersDemand(
    point.concurrency,
    0,
    isl,
    osl,
    (1 - point.lengthRatio) / (1 + point.lengthRatio),
  );
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
