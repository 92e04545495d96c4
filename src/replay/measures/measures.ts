import { CANCELLED, LEFT, type RequestRecord } from "../request-record.ts";
import { BySecond } from "./by-second.ts";
import { SumsByTime } from "./sums-by-time.ts";
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

const ALL: CountedTime = { fromMs: 0, toMs: null };

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

/** From when to when what happens counts, milliseconds since the replay began. */
export interface CountedTime {
  /** Null: from the start of the first request that is no warm-up. */
  readonly fromMs: number | null;
  /** When the last request starts, where time bounds the load; else null. */
  readonly toMs: number | null;
}

/** Amounts of each second of a run. */
export interface SecondCounts {
  readonly inFlight: readonly number[];
  /** Of each tenth of a second. */
  readonly tokens: readonly number[];
}

/** What happened while requests that count were started, whichever requests it was of. */
export interface WindowSummary {
  readonly seconds: number;
  readonly completed: number;
  readonly outputTokens: number;
}

/** A replay when it is over. Tokens, rates and latencies count completed requests; warm-ups count nowhere. */
export interface ReplaySummary extends LatencySummary, TokenSummary {
  /** Without the warm-up. */
  readonly durationMs: number;
  readonly warmUps: number;
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
  /** Null where no time bounds the load. */
  readonly window: WindowSummary | null;
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
  #inFlightBySecond = new BySecond();
  #tokensBySecond = new SumsByTime();
  #sent = 0;
  #inFlight = 0;
  #completed = 0;
  #cancelled = 0;
  #left = 0;
  #retried = 0;
  #failed = 0;
  #good = 0;
  #warmUps = 0;
  #inWindow = 0;
  #fromMs: number | null;
  readonly #fromIsGiven: boolean;
  readonly #toMs: number | null;

  /** @param goodput null where no request is judged */
  constructor(goodput: GoodputTargets | null = null, { fromMs, toMs }: CountedTime = ALL) {
    this.#goodput = goodput;
    this.#fromMs = fromMs;
    this.#fromIsGiven = fromMs !== null;
    this.#toMs = toMs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** A request is sent. @param scheduledMs as its record has it */
  sent(delayMs: number, scheduledMs = 0, warmUp = false): void {
    this.#inFlight++;
    this.#inFlightBySecond.raise(scheduledMs + delayMs, this.#inFlight);
    if (warmUp) return;
    if (!this.#fromIsGiven) this.#fromMs = Math.min(this.#fromMs ?? scheduledMs, scheduledMs);
    this.#sent++;
    this.#delay.record(delayMs);
  }

  /** A request that another process has sent and received. */
  take(record: RequestRecord): void {
    this.sent(record.delayMs, record.scheduledMs, record.warmUp);
    this.ended(record);
  }

  /** What happened in each second, for those who put processes together. */
  get bySecond(): SecondCounts {
    return { inFlight: this.#inFlightBySecond.seconds, tokens: this.#tokensBySecond.tenths };
  }

  /** Has the seconds of others in place of its own: in flight at most is the sum of what each had at most. */
  setBySecond(counts: readonly SecondCounts[]): void {
    this.#inFlightBySecond = new BySecond();
    this.#tokensBySecond = new SumsByTime();
    for (const { inFlight, tokens } of counts) {
      this.#inFlightBySecond.merge(inFlight);
      this.#tokensBySecond.merge(tokens);
    }
  }

  /** Whether what happens now counts. */
  counts(nowMs: number): boolean {
    return this.#fromMs !== null && nowMs >= this.#fromMs;
  }

  /** A frame with tokens has come; `promptTokens` is the prompt's length on the first, 0 on the others. */
  frame(nowMs: number, promptTokens: number, tokens = 1): void {
    this.#inputRate.add(nowMs, promptTokens);
    this.#outputRate.add(nowMs, tokens);
    this.#tokensBySecond.add(nowMs, tokens);
  }

  ended(record: RequestRecord): void {
    const { failure } = record;
    this.#inFlight--;
    if (failure === null && this.#isInWindow(record.endedMs)) this.#inWindow++;
    if (record.warmUp) {
      this.#warmUps++;
      return;
    }
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
      sent: this.#sent + this.#warmUps,
      inFlight: this.#inFlight,
      completed: this.#completed + this.#warmUps,
      failed: this.#failed,
      inputTokensPerSecond: this.#inputRate.perSecond(nowMs),
      outputTokensPerSecond: this.#outputRate.perSecond(nowMs),
      ttftMs: this.#recentTtft.summary(),
      itlMs: this.#recentItl.summary(),
    };
  }

  #isInWindow(atMs: number): boolean {
    return this.#toMs !== null && this.counts(atMs) && atMs < this.#toMs;
  }

  #window(): WindowSummary | null {
    if (this.#toMs === null || this.#fromMs === null) return null;
    return {
      seconds: (this.#toMs - this.#fromMs) / 1000,
      completed: this.#inWindow,
      outputTokens: this.#tokensBySecond.between(this.#fromMs, this.#toMs),
    };
  }

  /** @param nowMs since the replay began */
  summary(nowMs: number): ReplaySummary {
    const fromMs = this.#fromMs ?? 0;
    return {
      durationMs: nowMs - Math.min(nowMs, fromMs),
      warmUps: this.#warmUps,
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
      maxInFlight: this.#inFlightBySecond.most(fromMs),
      mostTokensInSecond: this.#tokensBySecond.most(fromMs),
      window: this.#window(),
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
