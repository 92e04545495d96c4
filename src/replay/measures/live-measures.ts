import { RecentRate } from "./recent-rate.ts";
import { RecentValues } from "./recent-values.ts";
import type { RequestRecord } from "../request-record.ts";

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

/** What of a live view is recent. */
type Recent = Pick<LiveMeasures, "inputTokensPerSecond" | "outputTokensPerSecond" | "ttftMs" | "itlMs">;

/** What came lately. */
export class RecentMeasures {
  readonly #ttft = new RecentValues(RECENT_REQUESTS);
  readonly #itl = new RecentValues(RECENT_GAPS);
  readonly #inputRate = new RecentRate();
  readonly #outputRate = new RecentRate();

  /** A frame with tokens has come. @param promptTokens the prompt's length on the first, 0 on the others */
  frame(nowMs: number, promptTokens: number, tokens: number): void {
    this.#inputRate.add(nowMs, promptTokens);
    this.#outputRate.add(nowMs, tokens);
  }

  completed({ itlMs, ttftMs }: RequestRecord): void {
    for (const gap of itlMs) this.#itl.add(gap);
    if (ttftMs !== null) this.#ttft.add(ttftMs);
  }

  at(nowMs: number): Recent {
    return {
      inputTokensPerSecond: this.#inputRate.perSecond(nowMs),
      outputTokensPerSecond: this.#outputRate.perSecond(nowMs),
      ttftMs: this.#ttft.summary(),
      itlMs: this.#itl.summary(),
    };
  }
}
