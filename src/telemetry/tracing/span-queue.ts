import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Outage } from "../otlp/outage.ts";
import type { OtlpSender } from "../otlp/otlp-sender.ts";

/** Spans of one request to the collector: writing them as bytes holds up streams for a millisecond or two. */
const BATCH = 128;
/** Spans that wait at most: some 15 MB. */
const MOST_WAITING = 4096;

/** Spans that have ended, on their way to the collector: one batch at a time. */
export class SpanQueue implements SpanProcessor {
  readonly #encode: (spans: ReadableSpan[]) => Uint8Array | undefined;
  readonly #sender: OtlpSender;
  readonly #outage: Outage;
  readonly #everyMs: number;
  readonly #waiting: ReadableSpan[] = [];
  #sending: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    encode: (spans: ReadableSpan[]) => Uint8Array | undefined,
    sender: OtlpSender,
    outage: Outage,
    everyMs: number,
  ) {
    this.#encode = encode;
    this.#sender = sender;
    this.#outage = outage;
    this.#everyMs = everyMs;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting.length >= MOST_WAITING) return this.#outage.lost(1, "more end than it takes");
    this.#waiting.push(span);
    if (this.#sending !== null) return;
    if (this.#waiting.length >= BATCH) void this.#send(BATCH);
    else this.#sendLater();
  }

  /** Resolves when all that waits was sent, or lost. */
  async forceFlush(): Promise<void> {
    while (this.#sending !== null || this.#waiting.length > 0) await (this.#sending ?? this.#send(1));
  }

  async shutdown(): Promise<void> {
    await this.forceFlush();
  }

  #sendLater(): void {
    this.#timer ??= setTimeout(() => void this.#send(1), this.#everyMs).unref();
  }

  /** Sends batch after batch while so many wait. */
  #send(least: number): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const sending = this.#sendAll(least).finally(() => {
      this.#sending = null;
      if (this.#waiting.length > 0) this.#sendLater();
    });
    this.#sending = sending;
    return sending;
  }

  async #sendAll(least: number): Promise<void> {
    for (let needed = least; this.#waiting.length >= needed; needed = BATCH) {
      const batch = this.#waiting.splice(0, BATCH);
      const bytes = this.#encode(batch);
      if (bytes === undefined) this.#outage.lost(batch.length, "they cannot be written as bytes");
      else await this.#sender.send(bytes, batch.length);
    }
  }
}
