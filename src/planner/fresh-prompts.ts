import { type Demand, promptQuantile } from "./demand.ts";

/** Prompts as far as they have to be computed: what is found in a cache is left out. */
export interface FreshPrompts {
  /** Tokens to compute, on average; their variance over the mean squared. */
  readonly mean: number;
  readonly spread: number;
  /** Tokens that each of them attends to, on average. */
  readonly seen: number;
  /** The same of a prompt with so many to compute. */
  seenBy(tokens: number): number;
  /** Tokens to compute of the prompt that a part of the prompts does not exceed. */
  quantile(part: number): number;
}

export function freshPrompts(demand: Demand): FreshPrompts {
  const { prompt, promptSpread: spread } = demand;
  return {
    mean: prompt,
    spread,
    seen: (prompt * (1 + spread)) / 2,
    seenBy: (tokens) => tokens / 2,
    quantile: (part) => promptQuantile(demand, part),
  };
}
