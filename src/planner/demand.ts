import { Rng } from "../lib/rng.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../model/traffic.ts";
import { type CachedPart, cachedParts, percentilesOf } from "./cached-parts.ts";

/** What is asked of a plan. */
export interface Demand {
  /** Over all units: requests per second; or users, where these wait for their answers. */
  readonly rate: number;
  /** Tokens, on average. */
  readonly prompt: number;
  readonly answer: number;
  /** Variance of prompts' lengths over their mean squared. */
  readonly promptSpread: number;
  /** Of the longest request, with its answer. */
  readonly longest: number;
  /** The prompts that 0, 1, 2 … 100 % do not exceed, of a trace; else none, since they are drawn evenly. */
  readonly promptPercentiles: readonly number[];
  readonly arrivals: Arrivals;
}

/** How requests come. Plain data: threads pass it on. */
export type Arrivals =
  /** Each by itself. */
  | ({ readonly kind: "independent" } & DrawnRequests)
  /** From users who ask, wait for the answer, think and ask again. */
  | ({ readonly kind: "users"; readonly thinkMs: number } & DrawnRequests)
  /** As those of a trace's window of `spanMs`, whose requests are in order of arrival. */
  | {
      readonly kind: "window";
      readonly requests: readonly TraceRequest[];
      readonly spanMs: number;
      /** Requests per second there. */
      readonly rate: number;
      /** What is found of its prompts; none where nothing is known of their blocks. */
      readonly caches: readonly CachedPart[];
    };

interface DrawnRequests {
  /** Lengths are drawn evenly around their means, by this part of them at most. */
  readonly within: number;
  /** Of each prompt, what is in the cache of any rank: 0..1. */
  readonly found: number;
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

/** Prompts of which a part is found are so long at least, on average, that the rest of the shortest is a block. @param found 0..1 */
export function leastPrompt(found: number): number {
  return found === 0 ? 1 : Math.ceil(PREFIX_BLOCK_TOKENS / (1 - found) / (1 - USUAL_WITHIN));
}

const USUAL_REQUESTS: DrawnRequests = { within: USUAL_WITHIN, found: 0 };

/** Independent arrivals of so many requests a second, with lengths drawn from half to one and a half of the means unless said otherwise. */
export function drawnDemand(
  rate: number,
  prompt: number,
  answer: number,
  drawn: Partial<DrawnRequests> = {},
): Demand {
  const requests = { ...USUAL_REQUESTS, ...drawn };
  const { within } = requests;
  return {
    rate,
    prompt,
    answer,
    promptSpread: spreadOf(within),
    longest: evenly(prompt, within)(1) + evenly(answer, within)(1),
    promptPercentiles: [],
    arrivals: { kind: "independent", ...requests },
  };
}

/** Users who ask again once they are answered and have thought, with requests as independent arrivals are. */
export function usersDemand(
  users: number,
  thinkMs: number,
  prompt: number,
  answer: number,
  drawn: Partial<DrawnRequests> = {},
): Demand {
  return {
    ...drawnDemand(users, prompt, answer, drawn),
    arrivals: { kind: "users", thinkMs, ...USUAL_REQUESTS, ...drawn },
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
  const draw = requestDraw(demand, demand.arrivals);
  const rng = new Rng(seed, 21);
  const requests: TraceRequest[] = [];
  const gapMs = 1000 / unitRate;
  for (let at = rng.exponential(gapMs); at < seconds * 1000; at += rng.exponential(gapMs)) {
    requests.push({ arrivalMs: at, ...draw(rng) });
  }
  return requests;
}

/** A request's tokens and blocks, drawn anew each time. */
export type RequestDraw = (rng: Rng) => Omit<TraceRequest, "arrivalMs">;

/** How requests of a demand are drawn, one by one. */
export function requestDraw({ prompt, answer }: Demand, { within, found }: DrawnRequests): RequestDraw {
  const [prompts, answers] = [evenly(prompt, within), evenly(answer, within)];
  return (rng) => {
    const inputTokens = prompts(rng.uniform());
    const request = { inputTokens, outputTokens: answers(rng.uniform()) };
    return found === 0
      ? request
      : { ...request, prefixBlocks: foundBlocks(found * inputTokens, inputTokens, rng) };
  };
}

/** The first blocks of what all prompts begin with: so many tokens on average, which leave something to compute. */
function foundBlocks(tokens: number, prompt: number, rng: Rng): number[] {
  const blocks = Math.floor(tokens / PREFIX_BLOCK_TOKENS + rng.uniform());
  const most = Math.floor((prompt - 1) / PREFIX_BLOCK_TOKENS);
  return Array.from({ length: Math.min(blocks, most) }, (_, i) => i);
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
  const prompts = requests.map(({ inputTokens }) => inputTokens).toSorted((a, b) => a - b);
  const prompt = sum(({ inputTokens }) => inputTokens) / requests.length;
  return {
    rate,
    prompt,
    promptSpread: sum(({ inputTokens }) => (inputTokens / prompt - 1) ** 2) / requests.length,
    answer: sum(({ outputTokens }) => outputTokens) / requests.length,
    longest: Math.max(...requests.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens)),
    promptPercentiles: percentilesOf(prompts),
    arrivals: { kind: "window", requests, spanMs, rate, caches: cachedParts(requests) },
  };
}

/** Of the prompts' tokens, those that are found where all requests come to one rank. */
export function foundPart({ arrivals }: Demand): number {
  return arrivals.kind !== "window" ? arrivals.found : (arrivals.caches[0]?.found ?? 0);
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
