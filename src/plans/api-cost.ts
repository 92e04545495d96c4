import { InputError } from "../lib/errors.ts";
import { PREFIX_BLOCK_TOKENS } from "../model/traffic.ts";
import type { Demand } from "../planner/demand.ts";
import type { Plan } from "../planner/plan.ts";
import type { ApiPrice, PlanProblem } from "../planner/plan-problem.ts";

const SECONDS = 3600;
const MILLION = 1e6;
const EXPECTED = "expected dollars per million tokens of prompts and of answers: in=0.27,out=1.1";

/** The same traffic at an API. */
export interface ApiCost {
  readonly dollarsPerHour: number;
  readonly perMillionTokens: number;
  /** Of prompt tokens, those of a prefix that was asked before: none where prompts are drawn. */
  readonly cachedPart: number;
  /** Beside a plan whose GPUs have a price. */
  readonly beside: BesidePlan | null;
}

export interface BesidePlan {
  /** The plan's dollars over the API's; at so many times the traffic both cost the same. */
  readonly ratio: number;
  /** What is used of the plan's load line then. */
  readonly evenAtUse: number;
  /** Whether the plan's units carry that with those to spare away. */
  readonly carried: boolean;
}

/** `in=0.27,out=1.1`, and `cached=0.07` as a third. @throws InputError */
export function readApiPrice(text: string | undefined): ApiPrice | null {
  if (text === undefined) return null;
  const given = new Map<string, number>();
  for (const part of text.split(",")) {
    const [, name, dollars] = /^\s*(in|out|cached)\s*=\s*(\d+(?:\.\d+)?|\.\d+)\s*$/.exec(part) ?? [];
    if (name === undefined || given.has(name) || (Number(dollars) === 0 && name !== "cached"))
      throw new InputError("--api-price", "", `has ${JSON.stringify(part)}; ${EXPECTED}, and cached=`);
    given.set(name, Number(dollars));
  }
  const [prompt, answer] = [given.get("in"), given.get("out")];
  if (prompt === undefined || answer === undefined)
    throw new InputError("--api-price", "", `lacks ${prompt === undefined ? "in" : "out"}=; ${EXPECTED}`);
  return { prompt, answer, cached: given.get("cached") ?? prompt };
}

/** Null where nobody said what an API costs. @param dollarsPerHour of the plan, null without a price */
export function apiCostOf(
  { rate, use, useWithoutSpare }: Plan,
  { demand, apiPrice }: PlanProblem,
  dollarsPerHour: number | null,
): ApiCost | null {
  if (apiPrice === null) return null;
  const { prompt, answer } = demand;
  const cachedPart = cachedOf(demand);
  const promptPrice = apiPrice.prompt * (1 - cachedPart) + apiPrice.cached * cachedPart;
  const perRequest = (prompt * promptPrice + answer * apiPrice.answer) / MILLION;
  const hourly = SECONDS * rate * perRequest;
  const times = dollarsPerHour === null ? null : dollarsPerHour / hourly;
  return {
    dollarsPerHour: hourly,
    perMillionTokens: (perRequest * MILLION) / (prompt + answer),
    cachedPart,
    // GPUs cost the same whatever they do, an API as much as it is asked.
    beside:
      times === null
        ? null
        : {
            ratio: times,
            evenAtUse: times * use,
            carried: times * useWithoutSpare <= 1,
          },
  };
}

/** Of a trace's prompt tokens, those of leading blocks that a request before had in the same place. */
function cachedOf({ arrivals, prompt }: Demand): number {
  if (arrivals.kind !== "window") return 0;
  const seen = new Set<number>();
  let cached = 0;
  for (const { inputTokens, prefixBlocks = [] } of arrivals.requests) {
    let known = 0;
    while (known < prefixBlocks.length && seen.has(prefixBlocks[known])) known++;
    cached += Math.min(inputTokens, known * PREFIX_BLOCK_TOKENS);
    for (const block of prefixBlocks) seen.add(block);
  }
  return cached / (prompt * arrivals.requests.length);
}
