import { type Layout, sayLayout, unitGpus } from "./layout.ts";
import { type LoadLine, type LoadLines, MOST_OVER_OPEN } from "./load-line.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type RatedLayout, ratedLayouts } from "./rated-layouts.ts";
import type { Trial } from "./trial.ts";
import { costOf, gpusFor, mostGpus, unitsFor } from "./units-needed.ts";

/** Layouts whose first runs are expected while another is run. */
const AHEAD = 8;
/** Layouts that are yet to be run, as far as one can say: most are passed over once there is a plan. */
const USUALLY_LEFT = 4;
/** Units that are added where other requests refute what the load line allows. */
const MOST_MORE = 3;

/** A layout that the twin has confirmed, with the units that carry the demand. */
export interface Confirmed {
  readonly layout: Layout;
  /** Requests per second of a unit, by arithmetic. */
  readonly open: number;
  readonly line: LoadLine;
  /** Without those to spare. */
  readonly units: number;
  readonly gpus: number;
  readonly cost: number;
  /** The unit at its part of the demand or a little more, at seeds that nothing was chosen by. */
  readonly trials: readonly Trial[];
}

/** A layout that the twin ran. */
export interface Tried {
  readonly layout: Layout;
  readonly open: number;
  /** Its load line, 0 where it has none; null where it did not carry its part of the demand at less cost than what was found before. */
  readonly line: number | null;
}

/** What a search has found. */
export interface SearchResult {
  /** Null where no layout that was run keeps the target within the budget. */
  readonly best: Confirmed | null;
  /** By arithmetic, cheapest first. */
  readonly rated: readonly RatedLayout[];
  readonly tried: readonly Tried[];
  /** Layouts that could be cheaper and were not run: none, unless the search was stopped. */
  readonly unexplored: number;
  /** Without a plan: the layout that is best by arithmetic, at the least that its units would have to carry. */
  readonly nearest: { readonly layout: Layout; readonly trial: Trial } | null;
}

/** Who waits for a search. */
export interface SearchWatch {
  progress(now: SearchProgress): void;
  /** Ends the search with what it has. */
  readonly signal: AbortSignal;
}

/** How far a search is. */
export interface SearchProgress {
  readonly label: string;
  /** Of the whole, 0..1. */
  readonly part: number;
  readonly best: Confirmed | null;
}

/**
 * The cheapest plan that the twin does not refute. Arithmetic rates all layouts. The twin then asks of each, cheapest first,
 * whether it carries the demand with fewer GPUs (or dollars) than the best so far: one run refutes most. Where it does, its
 * load line is found, and runs at other seeds have the last word. What is passed over could not be cheaper: no unit is
 * planned for more than `MOST_OVER_OPEN` times what arithmetic says.
 */
export async function search(
  problem: PlanProblem,
  lines: LoadLines,
  watch: SearchWatch,
): Promise<SearchResult> {
  const { demand } = problem;
  const rated = ratedLayouts(problem);
  const tried: Tried[] = [];
  let best: Confirmed | null = null;
  let at = 0;
  const ahead = () => rated.slice(at + 1).filter((one) => couldBeCheaper(one, problem, best));
  try {
    for (; at < rated.length; at++) {
      const one = rated[at];
      if (!couldBeCheaper(one, problem, best)) continue;
      watch.signal.throwIfAborted();
      const others = ahead();
      watch.progress({
        label: sayLayout(one.layout),
        part: tried.length / (tried.length + 1 + Math.min(others.length, USUALLY_LEFT + tried.length)),
        best,
      });
      lines.expect(others.slice(0, AHEAD));
      const { layout, open } = one;
      const carries: boolean = await lines.carries(one, demand.rate / mostUnits(layout, problem, best));
      const line = carries ? await lines.of(one) : null;
      tried.push({ layout, open, line: carries ? (line?.rate ?? 0) : null });
      if (line !== null) best = (await confirmed(one, line, problem, lines, best)) ?? best;
    }
  } catch (error) {
    if (!watch.signal.aborted) throw error;
  }
  lines.expect([]);
  const unexplored = at < rated.length ? ahead().length + 1 : 0;
  const nearest = best === null && unexplored === 0 ? await nearestOf(rated, problem, lines) : null;
  return { best, rated, tried, unexplored, nearest };
}

/** Adds units while other requests refute it at their part; null where it is no cheaper than what is there, or beyond the budget. */
async function confirmed(
  { layout, open }: RatedLayout,
  line: LoadLine,
  problem: PlanProblem,
  lines: LoadLines,
  before: Confirmed | null,
): Promise<Confirmed | null> {
  const { rate } = problem.demand;
  const least = unitsFor(rate, line.rate);
  const most = Math.min(least + MOST_MORE, mostUnits(layout, problem, before));
  for (let units = least; units <= most; units++) {
    const trials = await lines.otherSeeds(layout, Math.min(line.power, lines.grid.powerFor(rate / units)));
    if (!trials.every(({ keeps }) => keeps)) continue;
    const gpus = gpusFor(layout, units, problem);
    return { layout, open, line, units, gpus, cost: costOf(layout, gpus, problem), trials };
  }
  return null;
}

async function nearestOf(
  rated: readonly RatedLayout[],
  problem: PlanProblem,
  lines: LoadLines,
): Promise<SearchResult["nearest"]> {
  if (rated.length === 0) return null;
  const [{ layout }] = rated;
  const trial = await lines.atRate(layout, problem.demand.rate / mostUnits(layout, problem, null));
  return { layout, trial };
}

/** Units, without those to spare, that cost less than the best so far and are within the budget. */
function mostUnits(layout: Layout, problem: PlanProblem, best: Confirmed | null): number {
  const { spare } = problem;
  const inBudget = Math.floor(mostGpus(layout.type, problem) / unitGpus(layout)) - spare;
  if (best === null) return inBudget;
  const each = costOf(layout, unitGpus(layout), problem);
  return Math.min(inBudget, Math.ceil(best.cost / each - 1e-9) - 1 - spare);
}

/** Whether it would, if the twin had it carry all that a unit is believed to. */
function couldBeCheaper(
  { layout, open }: RatedLayout,
  problem: PlanProblem,
  best: Confirmed | null,
): boolean {
  return unitsFor(problem.demand.rate, open * MOST_OVER_OPEN) <= mostUnits(layout, problem, best);
}
