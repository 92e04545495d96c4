import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { roomOf } from "./candidates.ts";
import type { Layout } from "./layout.ts";
import type { PlanProblem } from "./plan-problem.ts";
import { MOST_BUSY } from "./pool-steps.ts";
import { type TimePart, certain, waitFor } from "./time-parts.ts";

/** How caches come from the pool of prompts to that of answers. */
export interface CacheWay {
  /** Seconds of a request's; variance over the mean squared. */
  readonly seconds: number;
  readonly spread: number;
  /** Links that they share, one for each rank of the smaller pool. */
  readonly links: number;
}

/** How long a prompt's cache travels from the pool that prefilled it, on average, and over how many links. */
export function cacheWay(
  layout: Layout,
  prefill: Parallelism,
  decode: Parallelism,
  { model, demand }: Pick<PlanProblem, "model" | "demand">,
): CacheWay {
  const bytes = roomOf(layout, prefill, model).bytesOf(demand.prompt);
  return {
    seconds: bytes / layout.type.hardware.rdmaBandwidth,
    spread: demand.promptSpread,
    links: Math.min(prefill.dp, decode.dp),
  };
}

/** What that takes of the time to a first token; null where links cannot keep up. */
export function travelOf({ seconds, spread, links }: CacheWay, rate: number): TimePart[] | null {
  const busy = (rate * seconds) / links;
  if (busy > MOST_BUSY) return null;
  return [certain(seconds, 0, spread * seconds * seconds), waitFor(1, busy, seconds, spread)];
}
