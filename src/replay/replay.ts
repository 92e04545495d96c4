import { ChatClient, type Exchange } from "./chat-client.ts";
import { Departures } from "./departures.ts";
import type { Load, ScheduledRequest, Sender, Sending } from "./load.ts";
import { type LiveMeasures, Measures, type ReplaySummary } from "./measures.ts";
import { promptText } from "./prompt.ts";
import type { RequestRecord } from "./request-record.ts";

/** Node's timers hold at most 2³¹ − 1 ms; a longer wait is taken in parts. */
const LONGEST_SLEEP_MS = 3_600_000;

export interface ReplayOptions {
  /** Base URL of an OpenAI-compatible server. */
  readonly server: URL;
  readonly model: string;
  /** What is sent when. */
  readonly load: Load;
  /** Requests, and sockets, at one time; beyond it requests start late, and the delay is measured. */
  readonly maxInFlight: number;
  /** Of the prompts' text. */
  readonly seed: number;
  readonly onRecord?: (record: RequestRecord) => void;
}

/** A request that waits for its time, made ready. */
interface Waiting {
  readonly startMs: number;
  readonly scheduled: ScheduledRequest;
  readonly prompt: string;
  readonly sent: (sent: boolean) => void;
  readonly ended: (record: RequestRecord | null) => void;
}

/**
 * Plays a load against a server. Latencies count from the scheduled start, so that a late send never hides waiting (no
 * coordinated omission).
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #measures = new Measures();
  readonly #client: ChatClient;
  readonly #departures = new Departures<Waiting>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #beganAt = Number.NaN;
  #idle: () => void = () => {};

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#client = new ChatClient(options.server, options.maxInFlight);
  }

  /**
   * Plays the load and resolves when every response is in. Aborting cuts what is in flight. Runs once.
   * @throws what the load throws, once what was in flight is cut
   */
  async run(signal: AbortSignal): Promise<ReplaySummary> {
    const stop = (): void => this.#abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    this.#beganAt = performance.now();
    const sender: Sender = {
      now: () => this.#now(),
      signal: this.#stop.signal,
      at: (scheduled) => this.#at(scheduled),
    };
    try {
      await this.#options.load.play(sender);
      await this.#allEnded();
      return this.#measures.summary(this.#now());
    } finally {
      signal.removeEventListener("abort", stop);
      this.#abort();
      await this.#allEnded();
      await this.#client.stop();
    }
  }

  /** The measures at this moment. */
  live(): LiveMeasures {
    return this.#measures.live(Number.isNaN(this.#beganAt) ? 0 : this.#now());
  }

  #now(): number {
    return performance.now() - this.#beganAt;
  }

  #at(scheduled: ScheduledRequest): Sending {
    const sent = Promise.withResolvers<boolean>();
    const ended = Promise.withResolvers<RequestRecord | null>();
    const { startMs, request, index } = scheduled;
    if (this.#stop.signal.aborted) {
      sent.resolve(false);
      ended.resolve(null);
    } else {
      const prompt = promptText(request, index, this.#options.seed);
      this.#departures.add({ startMs, scheduled, prompt, sent: sent.resolve, ended: ended.resolve });
      this.#depart();
    }
    return { sent: sent.promise, ended: ended.promise };
  }

  /** Sends what is due, as far as there is room, and comes back for the next when its time has come. */
  #depart(): void {
    clearTimeout(this.#timer);
    for (let next = this.#departures.next; next !== undefined; next = this.#departures.next) {
      if (this.#measures.inFlight >= this.#options.maxInFlight) return;
      const left = next.startMs - this.#now();
      if (left > 0) {
        this.#timer = setTimeout(() => this.#depart(), Math.min(Math.ceil(left), LONGEST_SLEEP_MS));
        return;
      }
      this.#departures.take();
      void this.#send(next);
    }
  }

  /** Sends nothing any more, and cuts what is in flight. */
  #abort(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (let next = this.#departures.take(); next !== undefined; next = this.#departures.take()) {
      next.sent(false);
      next.ended(null);
    }
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

  async #send({ scheduled, prompt, sent, ended }: Waiting): Promise<void> {
    const { model, onRecord } = this.#options;
    const { startMs, request } = scheduled;
    const delayMs = this.#now() - startMs;
    this.#measures.sent(delayMs);
    sent(true);
    const exchange = await this.#client.complete(
      { model, prompt, maxTokens: Math.max(1, request.outputTokens) },
      (at, first) => this.#measures.frame(at - this.#beganAt, first ? request.inputTokens : 0),
    );
    const record = this.#record(scheduled, delayMs, exchange);
    this.#measures.ended(record);
    onRecord?.(record);
    ended(record);
    this.#depart();
    this.#checkIdle();
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
