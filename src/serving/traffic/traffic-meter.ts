import { type RecordableHistogram, createHistogram } from "node:perf_hooks";
import type { Clock } from "../../lib/clock.ts";
import { percentileOf } from "../../lib/percentile.ts";
import type { Percentiles, TrafficReport } from "../../model/pool-report.ts";
import type {
  CountedTokens,
  PickOutcome,
  PoolChoiceReason,
  RequestOutcome,
  Responded,
  Shadowed,
  TrafficObserver,
} from "./traffic-observer.ts";
import { TrafficSlots } from "./traffic-slots.ts";

/** Percentiles are taken over this many of the latest reports, so that one quiet second does not blank them. */
const REPORTS_REMEMBERED = 10;
const MICROSECONDS = 1000;
/** What a histogram takes at least. */
const SHORTEST = 1;

/** What a process has counted in all, and measured since its last report. Times in milliseconds. */
export interface ProcessTraffic {
  readonly inFlight: number;
  readonly requests: number;
  readonly frames: number;
  readonly first: readonly (readonly [pool: string, ms: number, traceId: string | null])[];
  readonly later: readonly (readonly [pool: string, ms: number])[];
  readonly ended: readonly (readonly [
    pool: string,
    ms: number,
    outcome: RequestOutcome,
    traceId: string | null,
  ])[];
  readonly responded: readonly (readonly [pool: string, responded: Responded])[];
  readonly chosen: readonly (readonly [pool: string, model: string, why: PoolChoiceReason])[];
  readonly shadowed: readonly (readonly [pool: string, model: string, what: Shadowed])[];
  readonly resent: readonly string[];
  readonly deniedRetries: readonly string[];
  readonly tokens: readonly (readonly [pool: string, counted: CountedTokens])[];
  readonly refused: readonly (readonly [pool: string, reason: string])[];
  readonly picked: readonly (readonly [pool: string, outcome: PickOutcome, ms: number])[];
}

/** Counts requests and frames, and measures TTFT (arrival to first content frame) and ITL (between content frames). */
export class TrafficMeter {
  /** The same by pool, for their leaders. */
  readonly slots = new TrafficSlots();
  readonly #clock: Clock;
  readonly #observer: TrafficObserver;
  readonly #ttft = new RecentPercentiles();
  readonly #itl = new RecentPercentiles();
  #inFlight = 0;
  #requests = 0;
  #failed = 0;
  #frames = 0;
  #reported: { now: number; requests: number; frames: number };

  constructor(clock: Clock, observer: TrafficObserver) {
    this.#clock = clock;
    this.#observer = observer;
    this.#reported = { now: clock.now(), requests: 0, frames: 0 };
  }

  /** @param traceId null for a request that is not traced */
  begin(pool: string, traceId: string | null = null): RequestTiming {
    this.#requests++;
    this.#inFlight++;
    return new RequestTiming(this, pool, this.#clock.now(), traceId);
  }

  /** `frames` with content have arrived at once; `previousMs` is negative for the first. */
  framesReceived(
    pool: string,
    arrivalMs: number,
    previousMs: number,
    frames: number,
    traceId: string | null,
  ): number {
    const now = this.#clock.now();
    this.#frames += frames;
    if (previousMs < 0) this.#first(pool, now - arrivalMs, traceId);
    else this.#later(pool, now - previousMs);
    return now;
  }

  requestEnded(pool: string, arrivalMs: number, outcome: RequestOutcome, traceId: string | null): void {
    this.#inFlight--;
    this.#ended(pool, this.#clock.now() - arrivalMs, outcome, traceId);
  }

  /** What it counts in all, for a process that reports for several. */
  get totals(): { readonly inFlight: number; readonly requests: number; readonly frames: number } {
    return { inFlight: this.#inFlight, requests: this.#requests, frames: this.#frames };
  }

  /** What another process reports. @param before its last report; null at first */
  received(traffic: ProcessTraffic, before: ProcessTraffic | null): void {
    this.#inFlight += traffic.inFlight - (before?.inFlight ?? 0);
    this.#requests += traffic.requests - (before?.requests ?? 0);
    this.#frames += traffic.frames - (before?.frames ?? 0);
    for (const [pool, ms, traceId] of traffic.first) this.#first(pool, ms, traceId);
    for (const [pool, ms] of traffic.later) this.#later(pool, ms);
    for (const [pool, ms, outcome, traceId] of traffic.ended) this.#ended(pool, ms, outcome, traceId);
    for (const [pool, responded] of traffic.responded) this.#observer.responded(pool, responded);
    for (const [pool, model, why] of traffic.chosen) this.#observer.chosen(pool, model, why);
    for (const [pool, model, what] of traffic.shadowed) this.#observer.shadowed(pool, model, what);
    for (const pool of traffic.resent) this.#observer.resent(pool);
    for (const pool of traffic.deniedRetries) this.#observer.retryDenied(pool);
    for (const [pool, counted] of traffic.tokens) this.#observer.tokens(pool, counted);
    for (const [pool, reason] of traffic.refused) this.#observer.refused(pool, reason);
    for (const [pool, outcome, ms] of traffic.picked) this.#observer.picked(pool, outcome, ms);
  }

  #first(pool: string, ms: number, traceId: string | null): void {
    this.#ttft.record(ms);
    this.slots.first(pool, ms);
    this.#observer.firstFrame(pool, ms, traceId);
  }

  #later(pool: string, ms: number): void {
    this.#itl.record(ms);
    this.slots.later(pool, ms);
    this.#observer.laterFrame(pool, ms);
  }

  #ended(pool: string, ms: number, outcome: RequestOutcome, traceId: string | null): void {
    const failed = outcome === "failed" || outcome === "refused";
    if (failed) this.#failed++;
    this.slots.ended(pool, failed);
    this.#observer.ended(pool, ms, outcome, traceId);
  }

  /** What a process that is gone had in flight is over. */
  lost({ inFlight }: ProcessTraffic): void {
    this.#inFlight -= inFlight;
  }

  responded(pool: string, responded: Responded): void {
    this.#observer.responded(pool, responded);
  }

  chosen(pool: string, model: string, why: PoolChoiceReason): void {
    this.#observer.chosen(pool, model, why);
  }

  shadowed(pool: string, model: string, what: Shadowed): void {
    this.#observer.shadowed(pool, model, what);
  }

  resent(pool: string): void {
    this.#observer.resent(pool);
  }

  retryDenied(pool: string): void {
    this.#observer.retryDenied(pool);
  }

  tokens(pool: string, counted: CountedTokens): void {
    this.#observer.tokens(pool, counted);
  }

  refused(pool: string, reason: string): void {
    this.#observer.refused(pool, reason);
  }

  picked(pool: string, outcome: PickOutcome, ms: number): void {
    this.#observer.picked(pool, outcome, ms);
  }

  /**
   * The totals so far, the rates since the last call, the percentiles over the last ten. One caller owns the rhythm.
   * @param atMs wall-clock milliseconds since 1970
   */
  report(atMs: number): TrafficReport {
    const now = this.#clock.now();
    const seconds = (now - this.#reported.now) / 1000;
    const perSecond = (count: number) => (seconds > 0 ? count / seconds : 0);
    const report: TrafficReport = {
      atMs,
      inFlight: this.#inFlight,
      requests: this.#requests,
      failed: this.#failed,
      requestsPerSecond: perSecond(this.#requests - this.#reported.requests),
      framesPerSecond: perSecond(this.#frames - this.#reported.frames),
      ttftMs: this.#ttft.roll(),
      itlMs: this.#itl.roll(),
    };
    this.#reported = { now, requests: this.#requests, frames: this.#frames };
    return report;
  }
}

/** Percentiles over a ring of histograms: the oldest is forgotten at every roll. */
class RecentPercentiles {
  readonly #ring = Array.from({ length: REPORTS_REMEMBERED }, histogram);
  #latest = 0;

  record(ms: number): void {
    this.#ring[this.#latest].record(Math.max(SHORTEST, Math.round(ms * MICROSECONDS)));
  }

  roll(): Percentiles | null {
    const percentiles = this.#percentiles();
    this.#latest = (this.#latest + 1) % REPORTS_REMEMBERED;
    this.#ring[this.#latest].reset();
    return percentiles;
  }

  #percentiles(): Percentiles | null {
    const all = histogram();
    for (const one of this.#ring) if (one.count > 0) all.add(one);
    if (all.count === 0) return null;
    const [p50, p95, p99] = [50, 95, 99].map((percent) => percentileOf(all, percent) / MICROSECONDS);
    return { p50, p95, p99 };
  }
}

function histogram(): RecordableHistogram {
  return createHistogram({ figures: 2 });
}

/** The life of one request, measured from its arrival. */
export class RequestTiming {
  readonly #meter: TrafficMeter;
  #pool: string;
  readonly #arrival: number;
  readonly #traceId: string | null;
  #previous = -1;
  #first = -1;
  #frames = 0;

  constructor(meter: TrafficMeter, pool: string, arrivalMs: number, traceId: string | null) {
    this.#meter = meter;
    this.#pool = pool;
    this.#arrival = arrivalMs;
    this.#traceId = traceId;
  }

  /** Streamed frames with content so far. */
  get frames(): number {
    return this.#frames;
  }

  /** When it arrived, and when its first frame with content did; null where there was none. In ms of the meter's clock. */
  get arrivalMs(): number {
    return this.#arrival;
  }

  get firstFrameMs(): number | null {
    return this.#first < 0 ? null : this.#first;
  }

  /** When its last frame with content so far did; below 0 for none. */
  get lastFrameMs(): number {
    return this.#previous;
  }

  /** Frames with content, handed to the client's connection together. */
  contentFrames(count: number): void {
    this.#frames += count;
    this.#previous = this.#meter.framesReceived(
      this.#pool,
      this.#arrival,
      this.#previous,
      count,
      this.#traceId,
    );
    if (this.#first < 0) this.#first = this.#previous;
  }

  /** It counts at another pool. */
  moveTo(pool: string): void {
    this.#pool = pool;
  }

  /** The request is over, whatever its fate; called once. */
  end(outcome: RequestOutcome): void {
    this.#meter.requestEnded(this.#pool, this.#arrival, outcome, this.#traceId);
  }
}
