import { Distribution, type DistributionSummary } from "./distribution.ts";
import { RecentRate } from "./recent-rate.ts";
import { RecentValues } from "./recent-values.ts";
import { CANCELLED, type RequestRecord } from "./request-record.ts";

/** What a live view's latencies are of. */
const RECENT_REQUESTS = 256;
const RECENT_GAPS = 4096;

interface LatencyPair {
  readonly p50: number;
  readonly p95: number;
}

/** A replay while it runs. Latencies are of the latest requests that completed. */
export interface LiveMeasures {
  readonly elapsedMs: number;
  readonly sent: number;
  readonly inFlight: number;
  readonly completed: number;
  readonly failed: number;
  /** Over the last ten seconds: prompts whose first token came, and frames with content. */
  readonly inputTokensPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly ttftMs: LatencyPair | null;
  readonly itlMs: LatencyPair | null;
}

/** A replay when it is over. Tokens, rates and latencies count completed requests. */
export interface ReplaySummary {
  readonly durationMs: number;
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  /** Still in flight when the replay was stopped. */
  readonly cancelled: number;
  /** Failed requests by reason. */
  readonly failures: Readonly<Record<string, number>>;
  readonly maxInFlight: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly ttftMs: DistributionSummary | null;
  readonly tpotMs: DistributionSummary | null;
  readonly itlMs: DistributionSummary | null;
  readonly e2eMs: DistributionSummary | null;
  /** How much later than scheduled requests were sent, failed ones included. */
  readonly scheduleDelayMs: DistributionSummary | null;
}

/** Counts and distributions of a replay's requests. Times are milliseconds since the replay began. */
export class Measures {
  readonly #ttft = new Distribution();
  readonly #tpot = new Distribution();
  readonly #itl = new Distribution();
  readonly #e2e = new Distribution();
  readonly #delay = new Distribution();
  readonly #recentTtft = new RecentValues(RECENT_REQUESTS);
  readonly #recentItl = new RecentValues(RECENT_GAPS);
  readonly #inputRate = new RecentRate();
  readonly #outputRate = new RecentRate();
  readonly #failures = new Map<string, number>();
  #sent = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  #completed = 0;
  #cancelled = 0;
  #failed = 0;
  #inputTokens = 0;
  #outputTokens = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  sent(delayMs: number): void {
    this.#sent++;
    this.#inFlight++;
    this.#maxInFlight = Math.max(this.#maxInFlight, this.#inFlight);
    this.#delay.record(delayMs);
  }

  /** A frame with content has come; `promptTokens` is the prompt's length on the first, 0 on the others. */
  frame(nowMs: number, promptTokens: number): void {
    this.#inputRate.add(nowMs, promptTokens);
    this.#outputRate.add(nowMs, 1);
  }

  ended(record: RequestRecord): void {
    const { failure } = record;
    this.#inFlight--;
    if (failure === null) {
      this.#complete(record);
    } else if (failure === CANCELLED) {
      this.#cancelled++;
    } else {
      this.#failed++;
      this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1);
    }
  }

  #complete(record: RequestRecord): void {
    this.#completed++;
    this.#inputTokens += record.inputTokens;
    this.#outputTokens += record.outputTokens;
    this.#e2e.record(record.e2eMs);
    for (const gap of record.itlMs) {
      this.#itl.record(gap);
      this.#recentItl.add(gap);
    }
    if (record.ttftMs === null) return;
    this.#ttft.record(record.ttftMs);
    this.#recentTtft.add(record.ttftMs);
    if (record.outputTokens > 1) {
      this.#tpot.record((record.e2eMs - record.ttftMs) / (record.outputTokens - 1));
    }
  }

  live(nowMs: number): LiveMeasures {
    return {
      elapsedMs: nowMs,
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
      failures: Object.fromEntries(this.#failures),
      maxInFlight: this.#maxInFlight,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      ttftMs: this.#ttft.summary(),
      tpotMs: this.#tpot.summary(),
      itlMs: this.#itl.summary(),
      e2eMs: this.#e2e.summary(),
      scheduleDelayMs: this.#delay.summary(),
    };
  }
}
