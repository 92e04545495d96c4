import { encodeMessage } from "../messages/pool-message.ts";
import type { PoolStore } from "../store.ts";

const REPORT_MS = 1000;

/** Tokens by expert `[layers][experts]`, from answers of a part of the requests. */
export interface RoutedCounts {
  /** Begins anew; null when there was nothing. */
  take(): Float32Array | null;
  /** Gives back what could not be sent. */
  add(tokens: Float32Array): void;
}

export interface RoutedReportsOptions {
  readonly store: Pick<PoolStore, "send">;
  readonly gateway: string;
  readonly counts: RoutedCounts;
  /** Of all requests so many were counted, over 0 to 1. */
  readonly part: number;
}

/** Reports to a pool's leader what this gateway has seen of expert loads in answers, as if all requests had been looked into. */
export class RoutedReports {
  readonly #options: RoutedReportsOptions;
  #timer: NodeJS.Timeout | null = null;
  /** The span of what is counted, ms: longer while the store does not answer. */
  #spanMs = 0;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: RoutedReportsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#spanMs += REPORT_MS;
      this.#sending = this.#sending.then(() => this.send());
    }, REPORT_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#sending;
  }

  /** Resolves when the store has taken it, or does not answer. */
  async send(): Promise<void> {
    const { store, gateway, counts, part } = this.#options;
    const counted = counts.take();
    if (counted === null) return;
    const spanMs = Math.max(this.#spanMs, 1);
    this.#spanMs = 0;
    const tokens = counted.map((count) => count / part);
    try {
      const message = { kind: "load", from: gateway, sampled: true, reported: [], spanMs, tokens } as const;
      await store.send(encodeMessage({ ...message, received: [], engines: [], sent: [] }), null);
    } catch {
      // The store does not answer, and says so itself.
      counts.add(counted);
      this.#spanMs += spanMs;
    }
  }
}
