import { type Demand, promptQuantile } from "./demand.ts";

/** Prompts as far as they have to be computed: what is found in a cache is left out. */
export interface FreshPrompts {
  /** Tokens to compute, on average; their variance over the mean squared. */
  readonly mean: number;
  readonly spread: number;
  /** Tokens that are found, on average. */
  readonly found: number;
  /** Tokens that each of those to compute attends to, on average. */
  readonly seen: number;
  /** The same of a prompt with so many to compute. */
  seenBy(tokens: number): number;
  /** Tokens to compute of the prompt that a part of the prompts does not exceed. */
  quantile(part: number): number;
}

/** Whether what is found depends on how many requests a rank gets. */
export function findsByRate({ arrivals }: Demand): boolean {
  return arrivals.kind === "window" && arrivals.caches.length > 0;
}

/** @param rate requests per second of a rank */
export function freshPrompts(demand: Demand, rate: number): FreshPrompts {
  const { prompt, promptSpread, arrivals } = demand;
  if (arrivals.kind !== "window")
    return freshOf(prompt, arrivals.found, promptSpread, (part) => promptQuantile(demand, part));
  const { caches } = arrivals;
  const none = (part: number) => promptQuantile(demand, part);
  if (caches.length === 0) return freshOf(prompt, 0, promptSpread, none);
  // Between the two parts of the requests that were measured around it.
  const at = Math.max(0, Math.min(caches.length - 1, -Math.log2(Math.max(1e-9, rate / arrivals.rate))));
  const [more, less] = [caches[Math.floor(at)], caches[Math.ceil(at)]];
  const of = (a: number, b: number) => a + (at % 1) * (b - a);
  const found = of(more.found, less.found);
  const quantile = (part: number) => {
    const percent = Math.round(100 * part);
    return of(more.percentiles[percent], less.percentiles[percent]);
  };
  return freshOf(prompt, found, of(more.spread, less.spread), quantile, 1);
}

/** @param left of each quantile, what is to compute; where it is not said, as of the mean */
function freshOf(
  prompt: number,
  part: number,
  spread: number,
  quantile: (part: number) => number,
  left = 1 - part,
): FreshPrompts {
  const found = part * prompt;
  const mean = prompt - found;
  return {
    mean,
    spread,
    found,
    seen: found + (mean * (1 + spread)) / 2,
    seenBy: (tokens) => (tokens * found) / mean + tokens / 2,
    quantile: (one) => Math.max(1, left * quantile(one)),
  };
}
