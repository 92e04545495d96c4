import { randomUUID } from "node:crypto";
import { Alarm } from "./alarm.ts";
import { type ClientPart, partOfClient } from "./client/client-part.ts";
import { Lateness } from "./client/lateness.ts";
import type { ClientVerdict } from "./client/verdict.ts";
import { Departures } from "./departures.ts";
import { Exchange } from "./exchange.ts";
import { leavesAfter } from "./leaving.ts";
import type { Load, ScheduledRequest, Sender, Sending } from "./load.ts";
import type { GoodputTargets } from "./measures/goodput.ts";
import type { LiveMeasures } from "./measures/live-measures.ts";
import { Measures, type ReplaySummary, type SecondCounts } from "./measures/measures.ts";
import { PLAIN_WORDS, type PromptWords } from "./prompt-words.ts";
import { recordOf } from "./record-of.ts";
import { askedTokens, type BodyStyle, requestBody, requestHeaders } from "./request-body.ts";
import type { RequestRecord } from "./request-record.ts";
import { secretsOf, withoutSecrets } from "./secrets.ts";
import { ServerClient } from "./server-client.ts";
import { pathOf, type Target } from "./target.ts";
import type { Waiting } from "./waiting.ts";

/** Letters of a run's name in its request ids. */
const RUN_NAME = 8;
/** Before its clock begins, so that the first requests are ready in time too. */
const LEAD_MS = 50;

export interface ReplayOptions {
  readonly target: Target;
  readonly style: BodyStyle;
  /** What is sent when. */
  readonly load: Load;
  /** Requests, and sockets, at one time; beyond it requests start late, and the delay is measured. */
  readonly maxInFlight: number;
  /** Of the prompts' text, and of who leaves. */
  readonly seed: number;
  /** What made-up text is of; plain words where it is missing. */
  readonly words?: PromptWords;
  /** A request's, from its first send; null for as long as it takes. */
  readonly timeoutMs?: number | null;
  /** How often a request is sent again where the server answers 429 or 503; 0 where it is missing. */
  readonly retries?: number;
  /** The part of the requests whose users leave before the end; 0 where it is missing. */
  readonly leaving?: number;
  readonly goodput?: GoodputTargets | null;
  /** When its clock begins, by `performance.now()`; soon where it is missing. */
  readonly beginsAt?: number;
  readonly onRecord?: (record: RequestRecord) => void;
}

export interface ReplayOutcome extends ReplaySummary {
  readonly client: ClientVerdict;
}

/** What of a replay cannot be told from its records, as data. */
export interface ReplayParts {
  readonly bySecond: SecondCounts;
  readonly client: ClientPart;
}

/**
 * Plays a load against a server. Latencies count from the scheduled start, so that a late send never hides waiting (no
 * coordinated omission); from the send they are measured too.
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #measures: Measures;
  readonly #client: ServerClient;
  readonly #path: string;
  readonly #secrets: readonly string[];
  readonly #departures = new Departures<Waiting>();
  readonly #exchanges = new Set<Exchange>();
  readonly #stop = new AbortController();
  readonly #lateness: Lateness;
  readonly #run = randomUUID().slice(0, RUN_NAME);
  readonly #alarm = new Alarm(
    () => performance.now(),
    () => this.#depart(),
  );
  #beganAt = Number.NaN;
  #startedAt = Number.NaN;
  #idle: () => void = () => {};
  /** Since when nothing is in flight, and how long nothing was while the load was paused. */
  #idleSinceMs = 0;
  #restedMs = 0;
  /** Something is due, and as many are in flight as may be. */
  #full = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    const { countsFromMs = 0, countsToMs = null } = options.load;
    this.#measures = new Measures(options.goodput ?? null, { fromMs: countsFromMs, toMs: countsToMs });
    this.#client = new ServerClient(options.target, options.maxInFlight);
    this.#secrets = secretsOf(options.target.headers, options.target.url);
    this.#path = pathOf(options.target.url, options.style.endpoint);
    this.#lateness = new Lateness(
      options.maxInFlight,
      () => this.#now(),
      () => this.#measures.inFlight > 0 && this.#measures.counts(this.#now()),
    );
  }

  /**
   * Plays the load and resolves when every response is in. Aborting cuts what is in flight. Runs once.
   * @throws what the load throws, once what was in flight is cut
   */
  async run(signal: AbortSignal): Promise<ReplayOutcome> {
    const stop = (): void => this.#abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const now = performance.now();
    this.#beganAt = this.#options.beginsAt ?? now + LEAD_MS;
    this.#startedAt = Date.now() + this.#beganAt - now;
    this.#lateness.start();
    const sender: Sender = {
      now: () => this.#now(),
      signal: this.#stop.signal,
      at: (scheduled) => this.#at(scheduled),
    };
    try {
      await this.#options.load.play(sender);
      await this.#allEnded();
      const nowMs = this.#now();
      this.#endRest(nowMs);
      const summary = this.#measures.summary(nowMs);
      const durationMs = Math.max(0, summary.durationMs - this.#restedMs);
      return { ...summary, durationMs, client: this.#lateness.verdict() };
    } finally {
      signal.removeEventListener("abort", stop);
      this.#abort();
      await this.#allEnded();
      this.#lateness.stop();
      await this.#client.stop();
    }
  }

  /** When its clock begins, by the wall clock: milliseconds since 1970; NaN before it runs. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Milliseconds since its clock began; null before it runs. */
  get nowMs(): number | null {
    return Number.isNaN(this.#beganAt) ? null : this.#now();
  }

  /** What another process needs to put it together with others. */
  parts(): ReplayParts {
    return { bySecond: this.#measures.bySecond, client: partOfClient(this.#lateness.facts()) };
  }

  /** The measures at this moment. */
  live(): LiveMeasures {
    const { endsAtMs } = this.#options.load;
    return this.#measures.live(Number.isNaN(this.#beganAt) ? 0 : Math.max(0, this.#now()), endsAtMs);
  }

  #now(): number {
    return performance.now() - this.#beganAt;
  }

  #at(scheduled: ScheduledRequest): Sending {
    const sent = Promise.withResolvers<boolean>();
    const ended = Promise.withResolvers<RequestRecord | null>();
    if (this.#stop.signal.aborted) {
      sent.resolve(false);
      ended.resolve(null);
    } else {
      const { style, seed, words = PLAIN_WORDS } = this.#options;
      const body = requestBody(style, scheduled, { seed, words });
      const requestId = `plimsoll-${this.#run}-${scheduled.index}`;
      const startMs = scheduled.whenReady ? Math.max(scheduled.startMs, this.#now()) : scheduled.startMs;
      this.#departures.add({
        startMs,
        scheduled: { ...scheduled, startMs },
        requestId,
        body,
        sent: sent.resolve,
        ended: ended.resolve,
      });
      this.#depart();
    }
    return { sent: sent.promise, ended: ended.promise };
  }

  /** Sends what is due, as far as there is room, and comes back for the next when its time has come. */
  #depart(): void {
    this.#alarm.clear();
    for (let next = this.#departures.next; next !== undefined; next = this.#departures.next) {
      const left = next.startMs - this.#now();
      if (left > 0) {
        this.#alarm.set(left);
        return;
      }
      this.#full = this.#measures.inFlight >= this.#options.maxInFlight;
      if (this.#full) return;
      this.#departures.take();
      this.#send(next);
    }
  }

  /** Sends nothing any more, and cuts what is in flight. */
  #abort(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#alarm.clear();
    for (let next = this.#departures.take(); next !== undefined; next = this.#departures.take()) {
      next.sent(false);
      next.ended(null);
    }
    for (const exchange of this.#exchanges) exchange.cancel();
    void this.#client.stop();
    this.#checkIdle();
  }

  /** Resolves when nothing waits and nothing is in flight. */
  #allEnded(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
      this.#checkIdle();
    });
  }

  #checkIdle(): void {
    if (this.#measures.inFlight === 0 && this.#departures.next === undefined) this.#idle();
  }

  /** A pause without anything in flight is no time without load. */
  #endRest(nowMs: number): void {
    if (this.#measures.inFlight > 0) return;
    this.#restedMs += this.#options.load.pausedMs?.(this.#idleSinceMs, nowMs) ?? 0;
    this.#idleSinceMs = nowMs;
  }

  #send({ startMs, scheduled, requestId, body, sent, ended }: Waiting): void {
    const { style, seed, words, timeoutMs, retries, leaving } = this.#options;
    const { index, request, warmUp = false } = scheduled;
    this.#endRest(this.#now());
    const delays = this.#lateness.sent(startMs, warmUp);
    this.#measures.sent(delays.delayMs, startMs, warmUp);
    const exchange = new Exchange({
      client: this.#client,
      path: this.#path,
      headers: requestHeaders(requestId, request),
      body,
      timeoutMs: timeoutMs ?? null,
      retries: retries ?? 0,
      counter: words?.count ?? null,
      leaveAfter: leavesAfter(leaving ?? 0, seed, index, askedTokens(style.endpoint, request)),
      onTokens: (at, tokens, first) =>
        this.#measures.frame(at - this.#beganAt, first ? request.inputTokens : 0, tokens),
      onEnd: (exchanged) => {
        this.#exchanges.delete(exchange);
        const seen = recordOf(scheduled, style.endpoint, requestId, exchanged, (at) => at - this.#beganAt);
        const { scheduledMs, endedMs } = seen;
        const errorText = seen.errorText === null ? null : withoutSecrets(seen.errorText, this.#secrets);
        const clientLate = this.#lateness.touched({ scheduledMs, endedMs, warmUp, ...delays });
        this.#ended({ ...seen, ...delays, errorText, clientLate }, ended);
      },
    });
    this.#exchanges.add(exchange);
    exchange.run();
    sent(true);
  }

  #ended(record: RequestRecord, ended: (record: RequestRecord) => void): void {
    this.#measures.ended(record);
    this.#idleSinceMs = this.#now();
    this.#options.onRecord?.(record);
    ended(record);
    if (this.#full) this.#lateness.roomAgain();
    this.#depart();
    this.#checkIdle();
  }
}
