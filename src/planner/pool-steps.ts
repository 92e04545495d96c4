import { normalQuantile } from "../lib/normal.ts";
import type { FreshPrompts } from "./fresh-prompts.ts";
import type { StepTimes } from "./step-times.ts";
import type { Percentile, TimePart } from "./time-parts.ts";

/** What a pool does at a load; seconds. */
export interface OpenPoint {
  /** Requests per second. */
  readonly rate: number;
  /** Until the first token, as far as it passes here. */
  readonly first: readonly TimePart[];
  /** Between tokens: at the percentile that is asked for, and on average; 0 where nothing is decoded. */
  readonly itl: number;
  readonly tpot: number;
  /** Sequences that a rank runs, on average. */
  readonly batch: number;
}

/** A pool under open arrivals. */
export interface OpenPool {
  /** @param load grows with the rate @returns null where it cannot keep up */
  at(load: number): OpenPoint | null;
}

export interface PoolDemand {
  readonly steps: StepTimes;
  readonly prompts: FreshPrompts;
  /** Tokens of answers, and what each attends to, on average. */
  readonly answer: number;
  readonly context: number;
  /** Variance of contexts over their mean squared. */
  readonly contextSpread: number;
  /** Tokens of a rank's step. */
  readonly stepTokens: number;
  /** Sequences that a rank has room for. */
  readonly room: number;
  /** What is asked of. */
  readonly ttft: Percentile;
  readonly itl: Percentile;
}

/** Of the time of a rank, what prompts may take: beyond, they wait without end. */
export const MOST_BUSY = 0.97;
/** Ranks get prompts in turn, and of different lengths. */
const UNEVEN = 1.1;
/** Parts of the prompts, with weights, by which a mean over their lengths is taken: few may be far longer than others. */
const LENGTHS = [
  [0.1, 0.2],
  [0.3, 0.2],
  [0.5, 0.2],
  [0.7, 0.2],
  [0.85, 0.1],
  [0.94, 0.08],
  [0.99, 0.02],
] as const;

/** Prompts in a step. */
export interface StepPrompts {
  /** Tokens of all ranks; of one prompt; what each attends to; and the tokens that a rank's step has room for. */
  readonly tokens: number;
  readonly chunk: number;
  readonly seen: number;
  readonly room: number;
}

/** Steps of a pool under a demand. */
export class PoolSteps {
  readonly demand: PoolDemand;
  readonly ranks: number;
  /** What the longest of so many normal sums is above the mean, in standard deviations. */
  readonly #longest: number;

  constructor(demand: PoolDemand) {
    this.demand = demand;
    this.ranks = demand.steps.ranks;
    this.#longest = this.ranks === 1 ? 0 : normalQuantile(1 - 1 / (this.ranks + 1));
  }

  /** @param answers sequences of a rank */
  seconds(answers: number, prompts: StepPrompts | null): number {
    const { steps, context } = this.demand;
    const { tokens, chunk, seen, room } = prompts ?? NO_PROMPTS;
    return steps.seconds({
      answers,
      mostAnswers: this.#fullest(answers),
      context: context * this.#longer(answers),
      prompt: Math.min(room, tokens, Math.max(this.#most(tokens, chunk), (UNEVEN * tokens) / this.ranks)),
      prompts: tokens,
      seen,
    });
  }

  /** Sequences of a rank as a token sees them, itself among them: arrivals are independent, and so what runs is Poisson's. */
  beside(batch: number): number {
    return batch + 1 / this.ranks;
  }

  /** The same, as only few tokens see more. */
  crowded(batch: number): number {
    return this.beside(batch) + Math.max(0, this.demand.itl.deviations) * Math.sqrt(batch / this.ranks);
  }

  /** The chance that anything runs. */
  runs(batch: number): number {
    return -Math.expm1(-batch * this.ranks);
  }

  /** Requests go to the rank with fewest: the fullest has hardly more than the mean. */
  #fullest(answers: number): number {
    if (answers === 0 || this.ranks === 1) return answers;
    return Math.max(1, answers + (1 - 1 / this.ranks) / 2);
  }

  /** Tokens of the longest of a step's prompts. */
  #most(tokens: number, chunk: number): number {
    if (tokens <= chunk || this.ranks === 1) return chunk;
    const { mean, quantile } = this.demand.prompts;
    const count = Math.min(this.ranks, tokens / chunk);
    return (chunk * quantile(count / (count + 1))) / mean;
  }

  #longer(answers: number): number {
    return 1 + this.#longest * Math.sqrt(this.demand.contextSpread / Math.max(1, answers));
  }
}

const NO_PROMPTS: StepPrompts = { tokens: 0, chunk: 0, seen: 0, room: 0 };

/** Prompts get the rank with fewest requests, whatever their length: so many ranks are as good as a few with one queue. */
export function queuesOf(ranks: number): number {
  return Math.sqrt(ranks);
}

/** Steps that a prompt takes, on average. */
export function chunksOf(fresh: FreshPrompts, room: number): number {
  return meanOver((part) => Math.ceil(fresh.quantile(part) / room));
}

function meanOver(of: (part: number) => number): number {
  return LENGTHS.reduce((sum, [part, weight]) => sum + weight * of(part), 0);
}

/**
 * Variance of tokens in a step that has some, of so many chunks.
 * @param growth what a second of a step makes the next one longer by: where that is much, short and long ones alternate in runs
 */
export function tokenVariance(chunks: number, chunk: number, spread: number, growth: number): number {
  const follows = 1 / (1 - Math.min(MOST_GROWTH, Math.max(0, growth)) ** 2);
  return chunk * chunk * (chunks * spread + Math.max(0, chunks - 1 / chunks) * follows);
}

const MOST_GROWTH = 0.95;

/**
 * Seconds of all steps of a prompt: on average, their variance over the mean squared, and what those of the prompt that as
 * many do not exceed as have to be in time take more.
 * @param step of a part of it, and what its tokens see
 */
export function ownSteps(
  { prompts, ttft }: PoolDemand,
  room: number,
  step: (chunk: number, seen: number) => number,
): { readonly mean: number; readonly spread: number; readonly above: number } {
  const seconds = (part: number) => {
    const tokens = prompts.quantile(part);
    const chunks = Math.ceil(tokens / room);
    return chunks * step(tokens / chunks, prompts.seenBy(tokens));
  };
  let [mean, squares] = [0, 0];
  for (const [part, weight] of LENGTHS) {
    const one = seconds(part);
    mean += weight * one;
    squares += weight * one * one;
  }
  return { mean, spread: Math.max(0, squares / mean ** 2 - 1), above: seconds(ttft.part) - mean };
}
