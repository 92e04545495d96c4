import type { RoutingSource } from "../twin/routing-source.ts";
import { withRedundancy } from "./candidates.ts";
import { type Layout, sayLayout } from "./layout.ts";
import { type LoadLines, loadLine } from "./load-line.ts";
import { OpenUnit } from "./open-times.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type RatedLayout, ratedLayouts } from "./rated-layouts.ts";
import { type Trial, trial } from "./trial.ts";
import { costOf, gpusFor, unitsFor } from "./units-needed.ts";

/** Layouts whose load line the twin finds, unless said otherwise. */
export const USUAL_CONFIRMED = 4;
/** A layout that arithmetic rates so much too low is still found. */
const DOUBT = 1.25;
/** Of the last word, at other seeds. */
const LAST_REQUESTS = 400;
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

export interface SearchResult {
  /** Null where no layout keeps the target within the budget. */
  readonly best: Confirmed | null;
  /** By arithmetic, cheapest first. */
  readonly rated: readonly RatedLayout[];
  /** Those that the twin ran, with its load line (0: at no rate). */
  readonly tried: readonly { readonly layout: Layout; readonly open: number; readonly line: number }[];
  /** Layouts that arithmetic alone does not rule out, and that were not run. */
  readonly unexplored: number;
  /** The same with redundant experts, where the twin ran that. */
  readonly redundancy: { readonly layout: Layout; readonly line: number } | null;
}

export interface SearchProgress {
  readonly label: string;
  /** Of the whole, 0..1. */
  readonly part: number;
}

/**
 * The cheapest plan that the twin does not refute. Arithmetic rates all layouts; the twin finds the load lines of the
 * cheapest, one after the other, until no other could be cheaper, and has the last word at other seeds.
 */
export function* search(
  problem: PlanProblem,
  lines: LoadLines,
  routing: () => RoutingSource,
  mostConfirmed = USUAL_CONFIRMED,
): Generator<SearchProgress, SearchResult> {
  const rated = ratedLayouts(problem);
  const tried: { layout: Layout; open: number; line: number }[] = [];
  const whole = mostConfirmed + 1;
  let best: Confirmed | null = null;
  let at = 0;
  for (; at < rated.length && (tried.length < mostConfirmed || best === null); at++) {
    const { layout, open } = rated[at];
    if (best !== null && best.cost <= hopedCost(rated[at], problem)) continue;
    if (tried.length >= 3 * mostConfirmed) break;
    const line = yield* lineOf(layout, open, Math.min(mostConfirmed, tried.length));
    tried.push({ layout, open, line });
    if (line === 0) continue;
    const found: Confirmed | null = yield* confirm(layout, open, line, best);
    if (found !== null) best = found;
  }
  const unexplored = rated.slice(at).filter((one) => best === null || hopedCost(one, problem) < best.cost);
  const more = best === null ? null : withRedundancy(best.layout, problem);
  let redundancy: SearchResult["redundancy"] = null;
  if (best !== null && more !== null) {
    const line: number = yield* lineOf(more, best.line, mostConfirmed);
    redundancy = { layout: more, line };
    const better: Confirmed | null = line <= best.line ? null : yield* confirm(more, best.open, line, best);
    if (better !== null) best = better;
  }
  return { best, rated, tried, unexplored: unexplored.length, redundancy };

  function* lineOf(layout: Layout, expected: number, done: number): Generator<SearchProgress, number> {
    const known = lines.of(layout);
    if (known !== undefined) return known;
    const run = loadLine(layout, problem, expected, routing);
    for (;;) {
      const next = run.next();
      if (next.done === true) {
        lines.set(layout, next.value);
        return next.value;
      }
      yield { label: sayLayout(layout), part: (done + 0.8 * next.value) / whole };
    }
  }

  /** Adds units while the twin refutes it at other seeds; null where it is no cheaper than what is there, or beyond the budget. */
  function* confirm(
    layout: Layout,
    open: number,
    line: number,
    before: Confirmed | null,
  ): Generator<SearchProgress, Confirmed | null> {
    const least = unitsFor(problem.demand.rate, line);
    for (let units = least; units <= least + MOST_MORE; units++) {
      const gpus = gpusFor(layout, units, problem);
      const cost = costOf(layout, gpus, problem);
      if (gpus > problem.maxGpus || (before !== null && cost >= before.cost)) {
        const spares = before !== null && cost === before.cost && line / gpus > before.line / before.gpus;
        if (!spares || units > least) return null;
      }
      const trials = yield* lastWord(layout, problem.demand.rate / units);
      if (trials !== null) return { layout, open, line, units, gpus, cost, trials };
    }
    return null;
  }

  /** Null where the target is not kept at one of the seeds. */
  function* lastWord(layout: Layout, rate: number): Generator<SearchProgress, readonly Trial[] | null> {
    const trials: Trial[] = [];
    const { tpotMs } = new OpenUnit(layout, problem).at(rate) ?? { tpotMs: problem.target.itlMs };
    for (let i = 1; i <= LAST_SEEDS; i++) {
      const run = trial(layout, problem, {
        rate,
        seed: problem.seed + i,
        requests: LAST_REQUESTS,
        tpotMs,
        routing,
      });
      let next = run.next();
      for (; next.done !== true; next = run.next()) {
        const done = Math.min(mostConfirmed, tried.length) - 0.2 + (0.2 * (i - 1 + next.value)) / LAST_SEEDS;
        yield { label: `${sayLayout(layout)}, at another seed`, part: Math.max(0, done) / whole };
      }
      if (!next.value.keeps) return null;
      trials.push(next.value);
    }
    return trials;
  }
}

/** What it would cost if the twin had it carry more than arithmetic says. */
function hopedCost({ layout, open }: RatedLayout, problem: PlanProblem): number {
  const units = unitsFor(problem.demand.rate, open * DOUBT);
  return costOf(layout, gpusFor(layout, units, problem), problem);
}
