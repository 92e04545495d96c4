import type { Rng } from "../lib/rng.ts";
import type { TraceRequest } from "../model/traffic.ts";

/** Requests per second of the full Azure conversation trace. */
export const AZURE_CONVERSATION_RATE = 5.53;

/** Coefficient of variation of its inter-arrival times. */
const ARRIVAL_CV = 1.09;

/** One knot of a quantile function: the share of requests at or below `tokens`. */
type Knot = readonly [quantile: number, tokens: number];

const INPUT_TOKENS: readonly Knot[] = [
  [0, 2],
  [0.01, 26],
  [0.05, 165],
  [0.1, 203],
  [0.25, 401],
  [0.3, 420],
  [0.4, 998],
  [0.5, 1020],
  [0.75, 1200],
  [0.85, 1500],
  [0.9, 2600],
  [0.93, 4070],
  [0.99, 4142],
  [0.999, 6066],
  [1, 14050],
];

const OUTPUT_TOKENS: readonly Knot[] = [
  [0, 12],
  [0.01, 16],
  [0.05, 40],
  [0.1, 57],
  [0.25, 82],
  [0.5, 129],
  [0.75, 374],
  [0.9, 436],
  [0.95, 498],
  [0.99, 601],
  [1, 1000],
];

/**
 * Endless conversation traffic, drawn from distributions fitted to the Azure LLM inference trace 2023,
 * conversation (Patel et al., Splitwise, ISCA 2024; CC-BY 4.0; 19,366 requests). The full trace has 5.53
 * requests/s with an inter-arrival coefficient of variation (CV) of 1.09, input tokens of mean 1155, p50 1020,
 * p99 4142, max 14050 and output tokens of mean 211, p50 129, p99 601, max 1000.
 *
 * Lengths: piecewise log-linear quantile functions through exactly those p50, p99 and max; the knots
 * between follow the trace's first 2,000 rows, moved until the mean is within 0.2 % of the full trace's.
 * Arrivals: a renewal process of two-phase hyperexponential gaps with balanced means, of exactly that CV.
 * Input, output and gaps are independent (in the trace's first 2,000 rows input and output correlate at −0.10).
 *
 * @param rate mean requests per second, > 0; the gaps scale, their shape stays
 */
export function* azureConversation(rng: Rng, rate: number): Generator<TraceRequest, never> {
  for (let arrivalMs = 0; ; arrivalMs += gap(rng, 1000 / rate)) {
    yield { arrivalMs, inputTokens: draw(rng, INPUT_TOKENS), outputTokens: draw(rng, OUTPUT_TOKENS) };
  }
}

/** Tokens of a long prompt, evenly drawn: 4096 on average, DeepSeek's prefill profile. */
const LONG_PROMPT = { least: 2048, most: 6144 };
const SHORT_ANSWER = { least: 8, most: 24 };
/** Of a long prompt and its answer, on average. */
export const LONG_PROMPT_TOKENS = 4096 + 16;

/**
 * Endless long prompts with short answers, as a pool that prefills sees them: its steps are full of prompt tokens, so
 * that their experts' arithmetic, and with it their balance, decides how many it carries.
 * @param rate mean requests per second, > 0; independent arrivals
 */
export function* longPrompts(rng: Rng, rate: number): Generator<TraceRequest, never> {
  const between = ({ least, most }: typeof LONG_PROMPT) => least + rng.below(most - least + 1);
  for (let arrivalMs = 0; ; arrivalMs += rng.exponential(1000 / rate)) {
    yield { arrivalMs, inputTokens: between(LONG_PROMPT), outputTokens: between(SHORT_ANSWER) };
  }
}

/** A hyperexponential deviate of the given mean: each phase contributes half of it. */
function gap(rng: Rng, mean: number): number {
  const squared = ARRIVAL_CV * ARRIVAL_CV;
  const shortPhase = (1 + Math.sqrt((squared - 1) / (squared + 1))) / 2;
  const phase = rng.uniform() < shortPhase ? shortPhase : 1 - shortPhase;
  return rng.exponential(mean / (2 * phase));
}

/** Inverts a quantile function at a uniform deviate. */
function draw(rng: Rng, knots: readonly Knot[]): number {
  const quantile = rng.uniform();
  const upper = knots.findIndex(([q]) => quantile < q);
  const [q0, tokens0] = knots[upper - 1];
  const [q1, tokens1] = knots[upper];
  return Math.round(tokens0 * (tokens1 / tokens0) ** ((quantile - q0) / (q1 - q0)));
}
