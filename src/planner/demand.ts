import { Rng } from "../lib/rng.ts";
import type { TraceRequest } from "../model/traffic.ts";

/** What is asked of a plan. */
export interface Demand {
  /** Over all units: requests per second; or users, where these wait for their answers. */
  readonly rate: number;
  /** Tokens, on average. */
  readonly prompt: number;
  readonly answer: number;
  /** Variance of prompts' lengths over their mean squared. */
  readonly promptSpread: number;
  /** The prompt that 95 % do not exceed, and the longest request with its answer. */
  readonly promptP95: number;
  readonly longest: number;
  /** The prompts that 0, 1, 2 … 100 % do not exceed, of a trace; else none, since they are drawn evenly. */
  readonly promptPercentiles: readonly number[];
  readonly arrivals: Arrivals;
}

/** How requests come. Plain data: threads pass it on. */
export type Arrivals =
  /** Each by itself. */
  | ({ readonly kind: "independent" } & DrawnLengths)
  /** From users who ask, wait for the answer, think and ask again. */
  | ({ readonly kind: "users"; readonly thinkMs: number } & DrawnLengths)
  /** As those of a trace's window of `spanMs`, whose requests are in order of arrival. */
  | {
      readonly kind: "window";
      readonly requests: readonly TraceRequest[];
      readonly spanMs: number;
      /** Requests per second there. */
      readonly rate: number;
    };

/** Lengths are drawn evenly around their means, by this part of them at most. */
interface DrawnLengths {
  readonly within: number;
}

const USUAL_WITHIN = 0.5;
/** Of lengths so drawn. */
export const EVEN_SPREAD = spreadOf(USUAL_WITHIN);
const WINDOW_MS = 300_000;

/** The prompt that a part of the prompts does not exceed, in tokens. */
export function promptQuantile({ arrivals, prompt, promptPercentiles }: Demand, part: number): number {
  if (arrivals.kind !== "window") return evenly(prompt, arrivals.within)(part);
  return promptPercentiles[Math.round(part * (promptPercentiles.length - 1))];
}

/** Independent arrivals of so many requests a second, with lengths drawn from half to one and a half of the means unless said otherwise. */
export function drawnDemand(rate: number, prompt: number, answer: number, within = USUAL_WITHIN): Demand {
  const [prompts, answers] = [evenly(prompt, within), evenly(answer, within)];
  return {
    rate,
    prompt,
    answer,
    promptSpread: spreadOf(within),
    promptP95: prompts(0.95),
    longest: prompts(1) + answers(1),
    promptPercentiles: [],
    arrivals: { kind: "independent", within },
  };
}

/** Users who ask again once they are answered and have thought, with lengths as those of independent arrivals. */
export function usersDemand(
  users: number,
  thinkMs: number,
  prompt: number,
  answer: number,
  within = USUAL_WITHIN,
): Demand {
  return {
    ...drawnDemand(users, prompt, answer, within),
    arrivals: { kind: "users", thinkMs, within },
  };
}

/**
 * What a unit receives that gets so many requests a second, in order of arrival.
 * @param seconds how long; a trace may be over before
 */
export function drawRequests(
  demand: Demand,
  unitRate: number,
  seconds: number,
  seed: number,
): readonly TraceRequest[] {
  if (demand.arrivals.kind === "window") return thinned(demand.arrivals, unitRate, seconds, seed);
  const { prompts, answers } = lengthsOf(demand);
  const rng = new Rng(seed, 21);
  const requests: TraceRequest[] = [];
  const gapMs = 1000 / unitRate;
  for (let at = rng.exponential(gapMs); at < seconds * 1000; at += rng.exponential(gapMs)) {
    requests.push({
      arrivalMs: at,
      inputTokens: prompts(rng.uniform()),
      outputTokens: answers(rng.uniform()),
    });
  }
  return requests;
}

/** Tokens of prompts and answers by a number that is drawn from 0 to 1. */
export function lengthsOf({ prompt, answer, arrivals }: Demand) {
  const within = arrivals.kind === "window" ? 0 : arrivals.within;
  return { prompts: evenly(prompt, within), answers: evenly(answer, within) };
}

function evenly(mean: number, within: number): (part: number) => number {
  return (part) => Math.max(1, Math.round(mean * (1 + within * (2 * part - 1))));
}

/** Variance over the mean squared. */
function spreadOf(within: number): number {
  return within ** 2 / 3;
}

/**
 * The busiest five minutes of a trace, which a plan has to carry. A unit receives each request with the chance that its
 * part of the rate is of the whole; where more are asked for than come to it in that time, what comes to others follows.
 * @param trace at least one request, in order of arrival
 */
export function tracedDemand(trace: readonly TraceRequest[]): Demand {
  const busiest = busiestWindow(trace);
  const { requests, spanMs } = busiest;
  const rate = (1000 * requests.length) / spanMs;
  const sum = (of: (request: TraceRequest) => number) => requests.reduce((total, one) => total + of(one), 0);
  const prompts = requests.map(({ inputTokens }) => inputTokens).sort((a, b) => a - b);
  const prompt = sum(({ inputTokens }) => inputTokens) / requests.length;
  return {
    rate,
    prompt,
    promptSpread: sum(({ inputTokens }) => (inputTokens / prompt - 1) ** 2) / requests.length,
    answer: sum(({ outputTokens }) => outputTokens) / requests.length,
    promptP95: prompts[Math.max(0, Math.ceil(0.95 * prompts.length) - 1)],
    longest: Math.max(...requests.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens)),
    promptPercentiles: percentiles(prompts),
    arrivals: { kind: "window", requests, spanMs, rate },
  };
}

/** @param sorted at least one */
function percentiles(sorted: readonly number[]): number[] {
  return Array.from({ length: 101 }, (_, i) => sorted[Math.max(0, Math.ceil((i / 100) * sorted.length) - 1)]);
}

/** Each request with the chance that a unit's rate is of the window's. */
function thinned(
  { requests, spanMs, rate }: Extract<Arrivals, { kind: "window" }>,
  unitRate: number,
  seconds: number,
  seed: number,
): TraceRequest[] {
  const rng = new Rng(seed, 22);
  const part = Math.min(1, unitRate / rate);
  const drawn: TraceRequest[] = [];
  for (let fromMs = 0, round = 0; fromMs < seconds * 1000; fromMs += spanMs, round++) {
    const received = requests.filter(() => rng.uniform() < part);
    for (const request of received) drawn.push(later(request, fromMs, round));
  }
  return drawn.filter(({ arrivalMs }) => arrivalMs < seconds * 1000);
}

/** Blocks of a prompt are numbered below this. */
const MOST_BLOCKS = 2 ** 40;

/** The window comes round again, as another unit has it: of prompts that none has seen. */
function later({ prefixBlocks, ...request }: TraceRequest, fromMs: number, round: number): TraceRequest {
  const moved = { ...request, arrivalMs: request.arrivalMs + fromMs };
  if (prefixBlocks === undefined) return moved;
  return { ...moved, prefixBlocks: prefixBlocks.map((block) => block + round * MOST_BLOCKS) };
}

interface Window {
  readonly requests: readonly TraceRequest[];
  readonly spanMs: number;
}

function busiestWindow(trace: readonly TraceRequest[]): Window {
  const last = trace[trace.length - 1].arrivalMs;
  let best = { from: 0, to: 0 };
  for (let from = 0, to = 0; from < trace.length; from++) {
    while (to < trace.length && trace[to].arrivalMs < trace[from].arrivalMs + WINDOW_MS) to++;
    if (to - from > best.to - best.from) best = { from, to };
  }
  const startMs = trace[best.from].arrivalMs;
  const requests = trace
    .slice(best.from, best.to)
    .map((one) => ({ ...one, arrivalMs: one.arrivalMs - startMs }));
  // The last request stands for the gap behind it, too.
  const gapMs = (last - startMs) / Math.max(1, requests.length - 1);
  return { requests, spanMs: Math.max(1000, Math.min(WINDOW_MS, last - startMs + gapMs)) };
}
