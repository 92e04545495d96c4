import { roomOf } from "./candidates.ts";
import { type BindingLimit, bindingLimit } from "./binding-limit.ts";
import type { Demand } from "./demand.ts";
import { type Layout, redundantExperts } from "./layout.ts";
import { type LineOptions, LoadLines } from "./load-line.ts";
import { type OffBy, type TimeError, gpusIfOff } from "./model-error.ts";
import { type ParetoPoint, paretoFront } from "./pareto-front.ts";
import { type PerfectSystem, perfectSystem } from "./perfect-system.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { type AtSkew, skewFactors } from "./skew-factors.ts";
import { type AtTraffic, trafficFactors } from "./traffic-factors.ts";
import type { Trials } from "./trials.ts";
import { type Confirmed, type SearchResult, type SearchWatch, search } from "./search.ts";

/** Layouts on the front, of those that arithmetic rates best. */
const FRONT_LAYOUTS = 40;
/** Over what a rank was seen to run at most. */
const MORE_RUNNING = 1.25;
const LEAST_RUNNING = 8;

/** An answer, confirmed by the twin. */
export interface Plan {
  readonly chosen: Confirmed;
  /** Requests per second over all units: of users, as often as they ask when they are answered so. */
  readonly rate: number;
  /** With those to spare. */
  readonly units: number;
  readonly redundantExperts: number;
  /** Requests that a rank runs at most. */
  readonly running: number;
  /** Parts of the load line in use: with all units, and with those to spare away. */
  readonly use: number;
  readonly useWithoutSpare: number;
  readonly limit: BindingLimit;
  readonly perfect: PerfectSystem;
  readonly front: readonly ParetoPoint[];
  readonly off: readonly OffBy[];
  readonly traffic: readonly AtTraffic[];
  readonly skews: readonly AtSkew[];
  readonly search: SearchResult;
}

/** Of the model's errors, what a typical and what one answer in ten exceeds. */
export interface ModelErrors {
  readonly median: TimeError;
  readonly p90: TimeError;
}

/** @returns the search alone where it found nothing */
export async function makePlan(
  problem: PlanProblem,
  trials: Trials,
  errors: ModelErrors,
  watch: SearchWatch,
  options: LineOptions = {},
): Promise<Plan | SearchResult> {
  const found = await search(problem, new LoadLines(trials, problem, options), watch);
  const { best } = found;
  if (best === null) return found;
  const { layout, line, units } = best;
  const all = units + problem.spare;
  const { demand } = problem;
  const load = demand.rate;
  const rate = servedRate(demand, best);
  const ratio = line.rate / best.open;
  const { median, p90 } = errors;
  const off = (ttft: number, itl: number) => gpusIfOff(layout, problem, ratio, ttft, itl);
  return {
    chosen: best,
    rate,
    units: all,
    redundantExperts: redundantExperts(layout, problem.model.experts),
    running: runningOf(best, problem),
    use: load / (all * line.rate),
    useWithoutSpare: load / (units * line.rate),
    limit: bindingLimit(layout, problem),
    perfect: perfectSystem({ ...problem, demand: { ...demand, rate } }, layout.type.gpu),
    front: paretoFront(problem, frontLayouts(found)),
    off: [
      off(1 / (1 + median.ttft), 1 / (1 + median.itl)),
      off(1 + median.ttft, 1 + median.itl),
      off(1 + p90.ttft, 1 + p90.itl),
    ],
    traffic: trafficFactors(best, problem),
    skews: await skewFactors(best, problem, trials, watch.signal),
    search: found,
  };
}

/** Each user is somewhere: thinks, or waits for an answer (Little's law). */
function servedRate({ rate, arrivals }: Demand, { trials }: Confirmed): number {
  if (arrivals.kind !== "users") return rate;
  const answerMs = trials.reduce((sum, { e2eMs }) => sum + (e2eMs ?? 0), 0) / trials.length;
  return (1000 * rate) / (arrivals.thinkMs + answerMs);
}

function frontLayouts({ rated, best }: SearchResult): Layout[] {
  const layouts = rated.slice(0, FRONT_LAYOUTS).map(({ layout }) => layout);
  return best === null ? layouts : [best.layout, ...layouts];
}

/** Room for what the twin ran at most, as far as the cache goes: a power of two. */
function runningOf({ layout, trials }: Confirmed, { model, demand }: PlanProblem): number {
  const { decode } = layout;
  const seen = Math.max(...trials.map(({ running }) => running)) / decode.dp;
  const most = roomOf(layout, decode, model);
  const room = most.capacityTokens / most.tokensOf(demand.prompt + demand.answer);
  const asked = 2 ** Math.ceil(Math.log2(Math.max(LEAST_RUNNING, seen * MORE_RUNNING)));
  return Math.max(1, Math.floor(Math.min(asked, room)));
}

/** Whether there is a plan: a search without one ends with its result. */
export function isPlan(result: Plan | SearchResult): result is Plan {
  return "chosen" in result;
}
