import type { CaptureConfig } from "../config/capture-config.ts";
import { Capture } from "../serving/capture/capture.ts";
import type { Clock } from "../lib/clock.ts";
import type { Rng } from "../lib/rng.ts";
import { type CaptureCounts, NOTHING_CAPTURED, sumCaptured } from "../serving/capture/capture-counts.ts";
import { ownVersion } from "../files/own-version.ts";
import { WriterQueue } from "./writer-queue.ts";

export interface RecordingParts {
  readonly clock: Clock;
  /** Ms since 1970. */
  readonly wallClock: () => number;
  readonly rng: Rng;
  readonly gateway: string;
  /** Hides names and prompts where the configuration has no salt: random, and kept nowhere. */
  readonly salt: Uint8Array;
  /** Receives one line for a person. */
  readonly onNotice: (line: string) => void;
}

/** What a gateway records of its traffic, by the configuration in force. */
export class Recording {
  readonly capture: Capture;
  readonly #parts: RecordingParts;
  #settings: CaptureConfig | null = null;
  #queue: WriterQueue | null = null;
  /** Those that are being closed, and what was counted by those that are. */
  readonly #closing = new Map<WriterQueue, Promise<void>>();
  #before = NOTHING_CAPTURED;

  constructor(parts: RecordingParts) {
    this.#parts = parts;
    this.capture = new Capture(parts.clock, parts.rng);
  }

  /** Whether requests are recorded. */
  get on(): boolean {
    return this.#queue !== null;
  }

  get counts(): CaptureCounts {
    const queues = [...this.#closing.keys(), ...(this.#queue === null ? [] : [this.#queue])];
    return sumCaptured([this.#before, ...queues.map(({ counts }) => counts)]);
  }

  /** Why requests are not written now; null while they are, or none are to be. */
  get fault(): string | null {
    return this.#queue?.fault ?? null;
  }

  /** Settings that are the same change nothing; others begin a new file, without the requests under way. */
  update(settings: CaptureConfig): void {
    if (this.#settings !== null && JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#retire();
    const { directory } = settings;
    this.#queue =
      directory === null ? null : new WriterQueue(this.#termsOf(settings, directory), this.#parts.onNotice);
    this.capture.update(settings, this.#queue);
  }

  async close(): Promise<void> {
    this.#retire();
    await Promise.all(this.#closing.values());
  }

  #retire(): void {
    const queue = this.#queue;
    if (queue === null) return;
    this.#queue = null;
    this.#closing.set(queue, this.#close(queue));
  }

  async #close(queue: WriterQueue): Promise<void> {
    await queue.close();
    this.#closing.delete(queue);
    this.#before = sumCaptured([this.#before, queue.counts]);
  }

  #termsOf({ sample, salt, names, blockTokens, maxFileBytes, maxFiles }: CaptureConfig, directory: string) {
    const { gateway, clock, wallClock } = this.#parts;
    return {
      origin: { gateway, version: ownVersion(), sample, startMs: wallClock(), clockMs: clock.now() },
      lines: { salt: salt === null ? this.#parts.salt : Buffer.from(salt), names, blockTokens },
      directory,
      maxFileBytes,
      maxFiles,
    };
  }
}
