import { setTimeout as sleep } from "node:timers/promises";
import type { TraceRequest } from "../model/traffic.ts";
import { ChatClient, type Exchange } from "./chat-client.ts";
import { type LiveMeasures, Measures, type ReplaySummary } from "./measures.ts";
import { promptText } from "./prompt.ts";
import type { RequestRecord } from "./request-record.ts";
import { type ScheduledRequest, schedule } from "./schedule.ts";

/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;

export interface ReplayOptions {
  /** Base URL of an OpenAI-compatible server. */
  readonly server: URL;
  readonly model: string;
  /** In order of arrival; may be endless. */
  readonly trace: Iterable<TraceRequest>;
  /** 2 plays the trace in half its time. */
  readonly speed: number;
  /** No request starts later than this. */
  readonly durationMs: number;
  /** Requests, and sockets, at one time; beyond it requests start late, and the delay is measured. */
  readonly maxInFlight: number;
  /** Of the prompts' text. */
  readonly seed: number;
  readonly onRecord?: (record: RequestRecord) => void;
}

/**
 * Open-loop traffic: requests are sent when the trace says so, whatever became of those before. Latencies
 * count from the scheduled start, so that a late send never hides waiting (no coordinated omission).
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #measures = new Measures();
  readonly #client: ChatClient;
  #beganAt = Number.NaN;
  #requestEnded: () => void = () => {};

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#client = new ChatClient(options.server, options.maxInFlight);
  }

  /** Plays the trace and resolves when every response is in. Aborting cuts what is in flight. Runs once. */
  async run(signal: AbortSignal): Promise<ReplaySummary> {
    const { trace, speed, durationMs, maxInFlight } = this.#options;
    const stop = (): void => void this.#client.stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#beganAt = performance.now();
    for (const scheduled of schedule(trace, speed, durationMs)) {
      await this.#reach(scheduled.startMs, signal);
      while (this.#measures.inFlight >= maxInFlight) await this.#nextEnd();
      if (signal.aborted) break;
      void this.#send(scheduled);
    }
    while (this.#measures.inFlight > 0) await this.#nextEnd();
    const summary = this.#measures.summary(this.#now());
    signal.removeEventListener("abort", stop);
    await this.#client.stop();
    return summary;
  }

  /** The measures at this moment. */
  live(): LiveMeasures {
    return this.#measures.live(Number.isNaN(this.#beganAt) ? 0 : this.#now());
  }

  #now(): number {
    return performance.now() - this.#beganAt;
  }

  /** Waits until `startMs` or the signal. */
  async #reach(startMs: number, signal: AbortSignal): Promise<void> {
    for (let left = startMs - this.#now(); left > 0 && !signal.aborted; left = startMs - this.#now()) {
      await sleep(Math.min(Math.ceil(left), LONGEST_SLEEP_MS), undefined, { signal }).catch(() => {});
    }
  }

  /** Resolves when the next request ends. */
  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#requestEnded = resolve;
    });
  }

  async #send(scheduled: ScheduledRequest): Promise<void> {
    const { model, seed, onRecord } = this.#options;
    const { index, startMs, request } = scheduled;
    const prompt = promptText(request, index, seed);
    const delayMs = this.#now() - startMs;
    this.#measures.sent(delayMs);
    const exchange = await this.#client.complete(
      { model, prompt, maxTokens: Math.max(1, request.outputTokens) },
      (at, first) => this.#measures.frame(at - this.#beganAt, first ? request.inputTokens : 0),
    );
    const record = this.#record(scheduled, delayMs, exchange);
    this.#measures.ended(record);
    onRecord?.(record);
    this.#requestEnded();
  }

  #record(scheduled: ScheduledRequest, delayMs: number, exchange: Exchange): RequestRecord {
    const { index, startMs, request } = scheduled;
    const { frameTimes, usage } = exchange;
    const scheduledAt = this.#beganAt + startMs;
    return {
      index,
      scheduledMs: startMs,
      delayMs,
      failure: exchange.failure,
      inputTokens: usage?.promptTokens ?? request.inputTokens,
      outputTokens: usage?.completionTokens ?? frameTimes.length,
      ttftMs: frameTimes.length === 0 ? null : frameTimes[0] - scheduledAt,
      itlMs: frameTimes.slice(1).map((at, i) => at - frameTimes[i]),
      e2eMs: exchange.endedAt - scheduledAt,
    };
  }
}
