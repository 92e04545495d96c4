import { CANCELLED, LEFT, type RequestRecord } from "../request-record.ts";
import { Breakdown, type PartSummary } from "./breakdown.ts";
import { Distribution, type DistributionSummary } from "./distribution.ts";
import { type GoodputTargets, isGood } from "./goodput.ts";
import { Latencies, type LatencySummary } from "./latencies.ts";
import { RecentRate } from "./recent-rate.ts";
import { RecentValues } from "./recent-values.ts";
import { type TokenSummary, TokenTally } from "./token-tally.ts";

/** What a live view's latencies are of. */
const RECENT_REQUESTS = 256;
const RECENT_GAPS = 4096;
/** Different words of servers about errors that are kept. */
const MOST_TEXTS = 20;
const LONGEST_TEXT = 300;

interface LatencyPair {
  readonly p50: number;
  readonly p95: number;
}

/** A replay while it runs. Latencies are of the latest requests that completed. */
export interface LiveMeasures {
  readonly elapsedMs: number;
  /** Until the last request starts; null where that is not known. */
  readonly leftMs: number | null;
  readonly sent: number;
  readonly inFlight: number;
  readonly completed: number;
  readonly failed: number;
  /** Over the last ten seconds: prompts whose first token came, and generated tokens (frames, where no more is known). */
  readonly inputTokensPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly ttftMs: LatencyPair | null;
  readonly itlMs: LatencyPair | null;
}

/** A replay when it is over. Tokens, rates and latencies count completed requests. */
export interface ReplaySummary extends LatencySummary, TokenSummary {
  readonly durationMs: number;
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  /** Still in flight when the replay was stopped. */
  readonly cancelled: number;
  /** Requests whose users left, as asked for. */
  readonly left: number;
  /** Requests that were sent again because the server said so. */
  readonly retried: number;
  /** Failed requests by reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** What servers said of failures, and how often; the first few. */
  readonly errorTexts: Readonly<Record<string, number>>;
  /** Completed requests by how their answers ended. */
  readonly finishReasons: Readonly<Record<string, number>>;
  /** Completed requests that held their targets; null without any. */
  readonly good: number | null;
  readonly maxInFlight: number;
  /** The most tokens that came within a second of the run's clock. */
  readonly mostTokensInSecond: number;
  /** How much later than scheduled requests were sent, failed ones included. */
  readonly scheduleDelayMs: DistributionSummary | null;
  readonly shards: Readonly<Record<string, PartSummary>>;
  readonly tenants: Readonly<Record<string, PartSummary>>;
  readonly epochs: Readonly<Record<string, PartSummary>>;
}

/** Counts and distributions of a replay's requests. Times are milliseconds since the replay began. */
export class Measures {
  readonly #goodput: GoodputTargets | null;
  readonly #latencies = new Latencies();
  readonly #tokens = new TokenTally();
  readonly #delay = new Distribution();
  readonly #recentTtft = new RecentValues(RECENT_REQUESTS);
  readonly #recentItl = new RecentValues(RECENT_GAPS);
  readonly #inputRate = new RecentRate();
  readonly #outputRate = new RecentRate();
  readonly #failures = new Map<string, number>();
  readonly #errorTexts = new Map<string, number>();
  readonly #finishReasons = new Map<string, number>();
  readonly #breakdowns = {
    shards: new Breakdown(({ shard }) => shard),
    tenants: new Breakdown(({ request }) => request.tenant),
    epochs: new Breakdown(({ epoch }) => epoch),
  };
  #sent = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #completed = 0;
  #cancelled = 0;
  #left = 0;
  #retried = 0;
  #failed = 0;
  #good = 0;
  #mostInSecond = 0;
  #second = -1;
  #inSecond = 0;

  /** @param goodput null where no request is judged */
  constructor(goodput: GoodputTargets | null = null) {
    this.#goodput = goodput;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  sent(delayMs: number): void {
    this.#sent++;
    this.#inFlight++;
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
    this.#delay.record(delayMs);
  }

  /** A frame with tokens has come; `promptTokens` is the prompt's length on the first, 0 on the others. */
  frame(nowMs: number, promptTokens: number, tokens = 1): void {
    this.#inputRate.add(nowMs, promptTokens);
    this.#outputRate.add(nowMs, tokens);
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond += tokens;
    if (this.#inSecond > this.#mostInSecond) this.#mostInSecond = this.#inSecond;
  }

  ended(record: RequestRecord): void {
    const { failure } = record;
    this.#inFlight--;
    if (record.attempts > 1) this.#retried++;
    if (failure === CANCELLED) {
      this.#cancelled++;
      return;
    }
    if (failure === LEFT) {
      this.#left++;
      return;
    }
    for (const breakdown of Object.values(this.#breakdowns)) breakdown.add(record, failure !== null);
    if (failure === null) this.#complete(record);
    else this.#fail(failure, record.errorText);
  }

  #fail(failure: string, text: string | null): void {
    this.#failed++;
    increment(this.#failures, failure);
    const said = text?.slice(0, LONGEST_TEXT);
    if (said === undefined) return;
    if (this.#errorTexts.has(said) || this.#errorTexts.size < MOST_TEXTS) increment(this.#errorTexts, said);
  }

  #complete(record: RequestRecord): void {
    this.#completed++;
    this.#latencies.add(record);
    this.#tokens.add(record);
    increment(this.#finishReasons, record.finishReason ?? "none");
    if (this.#goodput !== null && isGood(record, this.#goodput)) this.#good++;
    for (const gap of record.itlMs) this.#recentItl.add(gap);
    if (record.ttftMs !== null) this.#recentTtft.add(record.ttftMs);
  }

  /** @param endsAtMs when the last request starts, as far as that is known */
  live(nowMs: number, endsAtMs: number | null = null): LiveMeasures {
    return {
      elapsedMs: nowMs,
      leftMs: endsAtMs === null ? null : Math.max(0, endsAtMs - nowMs),
      sent: this.#sent,
      inFlight: this.#inFlight,
      completed: this.#completed,
      failed: this.#failed,
      inputTokensPerSecond: this.#inputRate.perSecond(nowMs),
      outputTokensPerSecond: this.#outputRate.perSecond(nowMs),
      ttftMs: this.#recentTtft.summary(),
      itlMs: this.#recentItl.summary(),
    };
  }

  summary(durationMs: number): ReplaySummary {
    return {
      durationMs,
      sent: this.#sent,
      completed: this.#completed,
      failed: this.#failed,
      cancelled: this.#cancelled,
      left: this.#left,
      retried: this.#retried,
      failures: Object.fromEntries(this.#failures),
      errorTexts: Object.fromEntries(this.#errorTexts),
      finishReasons: Object.fromEntries(this.#finishReasons),
      good: this.#goodput === null ? null : this.#good,
      maxInFlight: this.#maxInFlight,
      mostTokensInSecond: this.#mostInSecond,
      scheduleDelayMs: this.#delay.summary(),
      ...this.#tokens.summary(),
      ...this.#latencies.summary(),
      shards: this.#breakdowns.shards.summary(),
      tenants: this.#breakdowns.tenants.summary(),
      epochs: this.#breakdowns.epochs.summary(),
    };
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
