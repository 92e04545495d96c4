import type { RequestRecord } from "../request-record.ts";
import { BySecond } from "./by-second.ts";
import { SumsByTime } from "./sums-by-time.ts";
import { Breakdown, type PartSummary } from "./breakdown.ts";
import { type CountedTime, CountedWindow, type WindowSummary } from "./counted-time.ts";
import { Distribution, type DistributionSummary } from "./distribution.ts";
import { type GoodputTargets, isGood } from "./goodput.ts";
import { Latencies, type LatencySummary } from "./latencies.ts";
import { type LiveMeasures, RecentMeasures } from "./live-measures.ts";
import { type OutcomeSummary, Outcomes } from "./outcomes.ts";
import { type TokenSummary, TokenTally } from "./token-tally.ts";

/** Amounts of each second of a run. */
export interface SecondCounts {
  readonly inFlight: readonly number[];
  /** Of each tenth of a second. */
  readonly tokens: readonly number[];
}

/** A replay when it is over. Tokens, rates and latencies count completed requests; warm-ups count nowhere. */
export interface ReplaySummary extends OutcomeSummary, LatencySummary, TokenSummary {
  /** Without the warm-up, and without the time in which the load was paused and nothing was in flight. */
  readonly durationMs: number;
  readonly warmUps: number;
  readonly sent: number;
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
  readonly #window: CountedWindow;
  readonly #outcomes = new Outcomes();
  readonly #latencies = new Latencies();
  readonly #tokens = new TokenTally();
  readonly #delay = new Distribution();
  readonly #recent = new RecentMeasures();
  readonly #shards = new Breakdown(({ shard }) => shard);
  readonly #tenants = new Breakdown(({ request }) => request.tenant);
  readonly #epochs = new Breakdown(({ epoch }) => epoch);
  #inFlightBySecond = new BySecond();
  #tokensBySecond = new SumsByTime();
  #sent = 0;
  #inFlight = 0;
  #good = 0;
  #warmUps = 0;

  /** @param goodput null where no request is judged */
  constructor(goodput: GoodputTargets | null = null, counted?: CountedTime) {
    this.#goodput = goodput;
    this.#window = new CountedWindow(counted);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** A request is sent. @param scheduledMs as its record has it */
  sent(delayMs: number, scheduledMs = 0, warmUp = false): void {
    this.#inFlight++;
    this.#inFlightBySecond.raise(scheduledMs + delayMs, this.#inFlight);
    if (warmUp) return;
    this.#window.started(scheduledMs);
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
    return this.#window.counts(nowMs);
  }

  /** A frame with tokens has come; `promptTokens` is the prompt's length on the first, 0 on the others. */
  frame(nowMs: number, promptTokens: number, tokens = 1): void {
    this.#recent.frame(nowMs, promptTokens, tokens);
    this.#tokensBySecond.add(nowMs, tokens);
  }

  ended(record: RequestRecord): void {
    const { failure } = record;
    this.#inFlight--;
    if (failure === null) this.#window.completed(record.endedMs);
    if (record.warmUp) {
      this.#warmUps++;
      return;
    }
    if (!this.#outcomes.add(record)) return;
    for (const breakdown of [this.#shards, this.#tenants, this.#epochs])
      breakdown.add(record, failure !== null);
    if (failure === null) this.#complete(record);
  }

  #complete(record: RequestRecord): void {
    this.#latencies.add(record);
    this.#tokens.add(record);
    this.#recent.completed(record);
    if (this.#goodput !== null && isGood(record, this.#goodput)) this.#good++;
  }

  /** @param endsAtMs when the last request starts, as far as that is known */
  live(nowMs: number, endsAtMs: number | null = null): LiveMeasures {
    return {
      elapsedMs: nowMs,
      leftMs: endsAtMs === null ? null : Math.max(0, endsAtMs - nowMs),
      sent: this.#sent + this.#warmUps,
      inFlight: this.#inFlight,
      completed: this.#outcomes.completed + this.#warmUps,
      failed: this.#outcomes.failed,
      ...this.#recent.at(nowMs),
    };
  }

  /** @param nowMs since the replay began */
  summary(nowMs: number): ReplaySummary {
    const fromMs = this.#window.fromMs ?? 0;
    return {
      durationMs: nowMs - Math.min(nowMs, fromMs),
      warmUps: this.#warmUps,
      sent: this.#sent,
      ...this.#outcomes.summary(),
      good: this.#goodput === null ? null : this.#good,
      maxInFlight: this.#inFlightBySecond.most(fromMs),
      mostTokensInSecond: this.#tokensBySecond.most(fromMs),
      window: this.#window.summary((from, to) => this.#tokensBySecond.between(from, to)),
      scheduleDelayMs: this.#delay.summary(),
      ...this.#tokens.summary(),
      ...this.#latencies.summary(),
      shards: this.#shards.summary(),
      tenants: this.#tenants.summary(),
      epochs: this.#epochs.summary(),
    };
  }
}
