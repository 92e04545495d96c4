import { MOST_SKEW } from "../model/expert-skew.ts";
import { LoadLines } from "./load-line.ts";
import type { PlanProblem } from "./plan-problem.ts";
import type { Confirmed } from "./search.ts";
import type { Trials } from "./trials.ts";
import { gpusFor, mostGpus, unitsFor } from "./units-needed.ts";

/** What a plan's layout needs where experts are loaded otherwise. */
export interface AtSkew {
  readonly skew: number;
  /** A unit's load line, by the runs that find it alone; null where it has none. */
  readonly line: number | null;
  readonly gpus: number | null;
  readonly affordable: boolean;
}

/** Even, and twice as far from even: of layouts that spread experts, unless tokens' experts are given. */
export async function skewFactors(
  { layout, open }: Confirmed,
  problem: PlanProblem,
  trials: Trials,
  signal: AbortSignal,
): Promise<AtSkew[]> {
  const { decode, prefill } = layout;
  const spread = decode.ep > 1 || (prefill?.ep ?? 1) > 1;
  if (!spread || problem.routed !== null) return [];
  const skews = [0, Math.min(MOST_SKEW, 2 * problem.skew)].filter((skew) => skew !== problem.skew);
  try {
    return await Promise.all(skews.map((skew) => at(skew)));
  } catch (error) {
    // A plan that is stopped goes without.
    if (signal.aborted) return [];
    throw error;
  }

  async function at(skew: number): Promise<AtSkew> {
    const line = await new LoadLines(trials, problem, { skew }).found({ layout, open });
    if (line === null) return { skew, line, gpus: null, affordable: false };
    const gpus = gpusFor(layout, unitsFor(problem.demand.rate, line), problem);
    return { skew, line, gpus, affordable: gpus <= mostGpus(layout.type, problem) };
  }
}
