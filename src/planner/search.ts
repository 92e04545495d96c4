import { withRedundancy } from "./candidates.ts";
import { type Layout, sayLayout, unitGpus } from "./layout.ts";
import type { LoadLines } from "./load-line.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type RatedLayout, ratedLayouts } from "./rated-layouts.ts";
import { PART_ASKED, type Trial, trial } from "./trial.ts";
import { costOf, gpusFor, unitsFor } from "./units-needed.ts";

/** Layouts that the twin runs at most, unless said otherwise. */
const USUAL_LAYOUTS = 16;
/** A layout that arithmetic rates so much too low is still found. */
const DOUBT = 1.25;
/** On GPUs that the twin runs by other figures than arithmetic's: DeepSeek's own H800, whose kernels are faster. */
const DOUBT_OF_KERNELS = 3;
/** Redundant experts are of use where they carry so much more. */
const LEAST_GAIN = 1.1;
/** Of the last word. */
const LAST_SEEDS = 2;
/** Units that are added where the last word is no. */
const MOST_MORE = 3;

/** A layout that the twin has confirmed, with the units that carry the demand. */
export interface Confirmed {
  readonly layout: Layout;
  /** Requests per second of a unit: by arithmetic, and in the twin. */
  readonly open: number;
  readonly line: number;
  /** Without those to spare. */
  readonly units: number;
  readonly gpus: number;
  readonly cost: number;
  /** The unit at its part of the demand, at seeds that nothing was chosen by. */
  readonly trials: readonly Trial[];
}

/** A layout that the twin ran. */
export interface Tried {
  readonly layout: Layout;
  readonly open: number;
  /** Its load line; null where it did not carry its part of the demand at less cost than what was found before. */
  readonly line: number | null;
}

export interface SearchResult {
  /** Null where no layout that was run keeps the target within the budget. */
  readonly best: Confirmed | null;
  /** By arithmetic, cheapest first. */
  readonly rated: readonly RatedLayout[];
  readonly tried: readonly Tried[];
  /** Layouts that could be cheaper, for all that arithmetic says, and were not run. */
  readonly unexplored: number;
  /** The best with redundant experts, where the twin ran that: its load line, null where that is no tenth higher. */
  readonly redundancy: { readonly layout: Layout; readonly line: number | null } | null;
  /** Without a plan: the layout that is best by arithmetic, at the least that its units would have to carry. */
  readonly nearest: { readonly layout: Layout; readonly trial: Trial } | null;
}

export interface SearchProgress {
  readonly label: string;
  /** Of the whole, 0..1. */
  readonly part: number;
}

/**
 * The cheapest plan that the twin does not refute. Arithmetic rates all layouts. The twin then asks of each, cheapest first,
 * whether it carries the demand with fewer GPUs (or dollars) than the best so far: one run refutes most. Where it does, its
 * load line is found, and runs at other seeds have the last word.
 */
export function* search(
  problem: PlanProblem,
  lines: LoadLines,
  mostLayouts = USUAL_LAYOUTS,
): Generator<SearchProgress, SearchResult> {
  const { demand, seed } = problem;
  const rated = ratedLayouts(problem);
  const tried: Tried[] = [];
  let best: Confirmed | null = null;
  let at = 0;
  for (; at < rated.length && tried.length < mostLayouts; at++) {
    const { layout, open } = rated[at];
    if (!couldBeCheaper(rated[at], problem, best)) continue;
    const most = mostUnits(layout, problem, best);
    if (!(yield* saying(layout, lines.carries(layout, demand, demand.rate / most)))) {
      tried.push({ layout, open, line: null });
      continue;
    }
    const line: number = yield* saying(
      layout,
      lines.line(layout, demand, Math.max(open, demand.rate / most)),
    );
    tried.push({ layout, open, line });
    best = (yield* confirm(layout, open, line, best)) ?? best;
  }
  const unexplored = rated.slice(at).filter((one) => couldBeCheaper(one, problem, best)).length;
  const found = { rated, tried, unexplored };
  if (best === null) {
    return {
      ...found,
      best,
      redundancy: null,
      nearest: rated.length === 0 ? null : yield* nearest(rated[0].layout),
    };
  }
  const more = withRedundancy(best.layout, problem);
  if (more === null) return { ...found, best, redundancy: null, nearest: null };
  const chosen = { ...found, nearest: null };
  const helps: boolean = yield* saying(more, lines.carries(more, demand, best.line * LEAST_GAIN));
  if (!helps) return { ...chosen, best, redundancy: { layout: more, line: null } };
  const higher: number = yield* saying(more, lines.line(more, demand, best.line * LEAST_GAIN));
  const better: Confirmed | null = yield* confirm(more, best.open, higher, best);
  return { ...chosen, best: better ?? best, redundancy: { layout: more, line: higher } };

  function* saying<T>(layout: Layout, steps: Generator<number, T>): Generator<SearchProgress, T> {
    const ahead = rated.slice(at + 1).filter((one) => couldBeCheaper(one, problem, best)).length;
    const left = 1 + Math.min(ahead, mostLayouts - tried.length);
    for (;;) {
      const next = steps.next();
      if (next.done === true) return next.value;
      yield { label: sayLayout(layout), part: (tried.length + next.value / 2) / (tried.length + left + 1) };
    }
  }

  /** Adds units while the twin refutes it at other seeds; null where it is no cheaper than what is there, or beyond the budget. */
  function* confirm(
    layout: Layout,
    open: number,
    line: number,
    before: Confirmed | null,
  ): Generator<SearchProgress, Confirmed | null> {
    const least = line === 0 ? Number.POSITIVE_INFINITY : unitsFor(demand.rate, line);
    for (
      let units = least;
      units <= Math.min(least + MOST_MORE, mostUnits(layout, problem, before));
      units++
    ) {
      const trials = yield* lastWord(layout, demand.rate / units);
      if (trials === null) continue;
      const gpus = gpusFor(layout, units, problem);
      return { layout, open, line, units, gpus, cost: costOf(layout, gpus, problem), trials };
    }
    return null;
  }

  /** Null where the target is not kept at one of the seeds. */
  function* lastWord(layout: Layout, rate: number): Generator<SearchProgress, readonly Trial[] | null> {
    const trials: Trial[] = [];
    for (let i = 1; i <= LAST_SEEDS; i++) {
      const options = {
        rate,
        seed: seed + i,
        requests: lines.requests,
        part: PART_ASKED,
        tpotMs: tpotOf(layout, rate),
      };
      const done = yield* saying(layout, trial(layout, problem, { ...options, routing: lines.routing }));
      if (!done.keeps) return null;
      trials.push(done);
    }
    return trials;
  }

  function* nearest(layout: Layout): Generator<SearchProgress, NonNullable<SearchResult["nearest"]>> {
    const rate = demand.rate / mostUnits(layout, problem, null);
    const options = { rate, seed, requests: lines.requests, tpotMs: tpotOf(layout, rate), whole: true };
    return {
      layout,
      trial: yield* saying(layout, trial(layout, problem, { ...options, routing: lines.routing })),
    };
  }

  function tpotOf(layout: Layout, rate: number): number {
    return new OpenUnit(layout, problem).at(rate)?.tpotMs ?? problem.target.itlMs;
  }
}

/** Units, without those to spare, that cost less than the best so far and are within the budget. */
function mostUnits(layout: Layout, problem: PlanProblem, best: Confirmed | null): number {
  const { maxGpus, spare } = problem;
  const inBudget = Math.floor(maxGpus / unitGpus(layout)) - spare;
  if (best === null) return inBudget;
  const each = costOf(layout, unitGpus(layout), problem);
  return Math.min(inBudget, Math.ceil(best.cost / each - 1e-9) - 1 - spare);
}

/** Whether it would, if the twin had it carry more than arithmetic says. */
function couldBeCheaper(
  { layout, open }: RatedLayout,
  problem: PlanProblem,
  best: Confirmed | null,
): boolean {
  const doubt = layout.type.overlaps ? DOUBT_OF_KERNELS : DOUBT;
  return unitsFor(problem.demand.rate, open * doubt) <= mostUnits(layout, problem, best);
}
