import type { MoeModel } from "../../model/moe-model.ts";
import { fits } from "../candidates.ts";
import type { Demand } from "../demand.ts";
import { type Layout, gpusOf, unitGpus } from "../layout.ts";
import { openCapacity } from "../open-capacity.ts";
import type { PlanProblem } from "../plan-problem.ts";

/** Another way to lay a unit out. */
export interface Alternative {
  readonly what: "step tokens" | "prefill apart" | "fewer GPUs";
  readonly layout: Layout;
  /** What it carries over what the unit carries, by arithmetic. */
  readonly open: number;
}

const STEP_TOKENS = [512, 1024, 2048, 4096, 8192, 16_384];
/** Of a unit's GPUs, the parts that prompts may have. */
const PROMPT_PARTS = [1 / 4, 1 / 2, 3 / 4];
/** Smaller units, in parts of what it is now. */
const SMALLER = [1 / 4, 1 / 2, 3 / 4];

/**
 * Other layouts of a unit that fit in memory, the best of each kind by arithmetic; of those with fewer GPUs all, the fewest first.
 * @param target what the model has to keep for the pool to keep its own
 */
export function alternatives(layout: Layout, problem: PlanProblem): Alternative[] {
  const own = openCapacity(layout, problem);
  if (own === 0) return [];
  const { model, demand } = problem;
  const rated = (what: Alternative["what"], layouts: readonly Layout[]): Alternative[] =>
    layouts
      .filter((one) => fits(one, { model, demand }))
      .map((one) => ({ what, layout: one, open: openCapacity(one, problem) / own }))
      .sort((a, b) => b.open - a.open);
  return [
    ...rated("step tokens", otherSteps(layout)).slice(0, 1),
    ...rated("prefill apart", apart(layout, model)).slice(0, 1),
    ...rated("fewer GPUs", smaller(layout, model)).sort((a, b) => unitGpus(a.layout) - unitGpus(b.layout)),
  ];
}

/** Whether a request as long as the longest fits in every GPU of it. */
export function holds(layout: Layout, model: MoeModel, demand: Demand): boolean {
  return fits(layout, { model, demand });
}

function otherSteps(layout: Layout): Layout[] {
  return STEP_TOKENS.filter((tokens) => tokens !== layout.stepTokens).map((stepTokens) => ({
    ...layout,
    stepTokens,
  }));
}

/** The same GPUs, of which some do prompts alone. */
function apart(layout: Layout, model: MoeModel): Layout[] {
  const { decode, prefill } = layout;
  if (prefill !== null || decode.moeTp > 1) return [];
  const gpus = unitGpus(layout);
  return PROMPT_PARTS.flatMap((part) => {
    const prompts = resized(layout, model, part * gpus);
    const answers = resized(layout, model, gpus - part * gpus);
    return prompts === null || answers === null ? [] : [{ ...answers, prefill: prompts.decode }];
  });
}

function smaller(layout: Layout, model: MoeModel): Layout[] {
  if (layout.prefill !== null) return [];
  return SMALLER.flatMap((part) => {
    const less = resized(layout, model, part * unitGpus(layout));
    return less === null ? [] : [less];
  });
}

/** With fewer ranks; as many replicas of its experts as there were, as far as may be. Null where its GPUs do not divide so. */
function resized(layout: Layout, model: MoeModel, gpus: number): Layout | null {
  const { decode, redundantSlots, type } = layout;
  const { tp, moeTp } = decode;
  const [dp, ep] = [gpus / tp, gpus / moeTp];
  if (!Number.isInteger(dp) || !Number.isInteger(ep) || gpus < 1 || gpus >= gpusOf(decode)) return null;
  const domains = gpus / Math.min(gpus, 8);
  if (gpus > type.gpu.scaleUp.gpus && !Number.isInteger(domains)) return null;
  return ep > model.experts ? null : { ...layout, decode: { tp, dp, ep, moeTp }, redundantSlots };
}
