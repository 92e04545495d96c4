import type { SampleSummary } from "../../lib/sample.ts";
import { type Counters, type Histogram, OUTCOMES, type Outcome } from "../../model/pool-counters.ts";
import { countOf, difference, meanOf, percentile } from "./histogram.ts";

/** What a pool's gateway said of it at one moment. */
export interface PoolState {
  /** Of each shard, requests in flight there. */
  readonly inFlight: readonly number[];
  readonly ready: readonly boolean[];
  /** As engines report it; null where none does. */
  readonly waiting: number | null;
  readonly kvUse: number | null;
  readonly kvUseMost: number | null;
  readonly balancedness: number | null;
  /** Ranks that are not live. */
  readonly lostRanks: number;
}

/** Of these the mean is known best: buckets take nothing from it. */
export type Times = SampleSummary;

/** @param percent one of `PERCENTILES` */
export function timeAt({ p50, p90, p95, p99 }: Times, percent: number): number {
  const known = { 50: p50, 90: p90, 95: p95, 99: p99 }[percent];
  if (known === undefined) throw new Error(`no percentile ${percent}`);
  return known;
}

/** A pool's traffic over a window of time, as it was measured. Times in milliseconds as gateways see them. */
export interface Measured {
  readonly seconds: number;
  /** Per second: what came, and what was answered whole. */
  readonly rate: number;
  readonly answered: number;
  readonly ended: Readonly<Record<Outcome, number>>;
  readonly promptTokens: Histogram;
  readonly answerTokens: Histogram;
  readonly promptMean: number;
  readonly answerMean: number;
  /** Of the prompts, how many an engine counted: 0..1. */
  readonly countedByEngine: number;
  /** Of prompts' tokens, what was in caches; null where engines do not say. */
  readonly cachedPart: number | null;
  readonly ttftMs: Times | null;
  readonly itlMs: Times | null;
  readonly e2eMs: Times | null;
  /** Means over the window. */
  readonly inFlight: number;
  readonly waiting: number | null;
  readonly kvUse: number | null;
  readonly balancedness: number | null;
  /** The most of the window. */
  readonly kvUseMost: number | null;
  readonly lostRanks: number;
  /** Requests in flight on the fullest shard over those of the mean one. */
  readonly fullestShard: number | null;
  readonly shards: number;
  readonly readyShards: number;
}

/** Why a window says nothing. */
export type NotMeasured = "restarted" | "idle" | "no lengths";

/** @param states one at least, spread over the time between the two */
export function measuredBetween(
  before: Counters,
  after: Counters,
  states: readonly PoolState[],
): Measured | NotMeasured {
  const seconds = (after.atMs - before.atMs) / 1000;
  const ended = Object.fromEntries(
    OUTCOMES.map((outcome) => [outcome, after.ended[outcome] - before.ended[outcome]]),
  ) as Record<Outcome, number>;
  if (Object.values(ended).some((count) => count < 0)) return "restarted";
  const since = sinceThen(before, after);
  if (since === null) return "restarted";
  const { ttft, itl, e2e, prompt, answer } = since;
  const inFlightOf = ({ inFlight }: PoolState) => inFlight.reduce((sum, count) => sum + count, 0);
  const first = states[0];
  const last = states[states.length - 1];
  const came = OUTCOMES.reduce((sum, outcome) => sum + ended[outcome], 0) - ended.client_error;
  if (ended.ok === 0) return "idle";
  const promptMean = prompt === null ? null : meanOf(prompt);
  const answerMean = answer === null ? null : meanOf(answer);
  if (prompt === null || answer === null || promptMean === null || answerMean === null) return "no lengths";
  const counted = after.reported - before.reported;
  const known = counted + after.estimated - before.estimated;
  const cached = after.cached - before.cached;
  const cacheable = cached + after.uncached - before.uncached;
  const perShard = first.inFlight.map((_, shard) => mean(states.map(({ inFlight }) => inFlight[shard] ?? 0)));
  const perShardMean = mean(perShard);
  return {
    seconds,
    // What is in flight at the end has come as well, and what was at the beginning had.
    rate: Math.max(1, came + inFlightOf(last) - inFlightOf(first)) / seconds,
    answered: ended.ok / seconds,
    ended,
    promptTokens: prompt,
    answerTokens: answer,
    promptMean,
    answerMean,
    countedByEngine: known === 0 ? 0 : counted / known,
    cachedPart: cacheable === 0 ? null : cached / cacheable,
    ttftMs: timesOf(ttft),
    itlMs: timesOf(itl),
    e2eMs: timesOf(e2e),
    inFlight: mean(states.map(inFlightOf)),
    waiting: meanKnown(states.map(({ waiting }) => waiting)),
    kvUse: meanKnown(states.map(({ kvUse }) => kvUse)),
    balancedness: meanKnown(states.map(({ balancedness }) => balancedness)),
    kvUseMost: mostKnown(states.map(({ kvUseMost }) => kvUseMost)),
    lostRanks: Math.max(...states.map(({ lostRanks }) => lostRanks)),
    fullestShard: perShardMean === 0 ? null : Math.max(...perShard) / perShardMean,
    shards: last.ready.length,
    readyShards: last.ready.filter((ready) => ready).length,
  };
}

type Distributions = Readonly<Record<"ttft" | "itl" | "e2e" | "prompt" | "answer", Histogram | null>>;

/** What came between; null where counting began anew. */
function sinceThen(before: Distributions, after: Distributions): Distributions | null {
  let anew = false;
  const of = (then: Histogram | null, now: Histogram | null): Histogram | null => {
    const came = now === null ? null : difference(then, now);
    anew ||= came === null && then !== null;
    return came;
  };
  const came = {
    ttft: of(before.ttft, after.ttft),
    itl: of(before.itl, after.itl),
    e2e: of(before.e2e, after.e2e),
    prompt: of(before.prompt, after.prompt),
    answer: of(before.answer, after.answer),
  };
  return anew ? null : came;
}

function timesOf(seconds: Histogram | null): Times | null {
  if (seconds === null || countOf(seconds) === 0) return null;
  const at = (part: number) => 1000 * (percentile(seconds, part) ?? 0);
  return { mean: 1000 * (meanOf(seconds) ?? 0), p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
}

function mostKnown(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
