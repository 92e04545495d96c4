import type { Clock } from "../../lib/clock.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { LoadReport } from "./load-report.ts";

/** What counts expert loads, and is asked for them. */
export interface LoadRecorder {
  /** Counts from now on. */
  start(): Promise<void>;
  /** `[layers][experts]` since the last call, or null. */
  take(): Promise<ExpertLoad | null>;
  /** Gives up what is under way, which rejects. */
  close(): void;
}

export interface RecorderPullOptions {
  readonly recorder: LoadRecorder;
  readonly inbox: { take(report: LoadReport): unknown };
  /** Whether this gateway leads the pool: only one asks. */
  readonly leading: () => boolean;
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Receives a fault when it can no longer ask, or read what came; it goes on trying. */
  readonly onFault: (fault: Error) => void;
}

/** Fetches expert loads from engines that record them, for the pool's leader. */
export class RecorderPull {
  readonly #options: RecorderPullOptions;
  #timer: NodeJS.Timeout | null = null;
  #pulling: Promise<void> | null = null;
  /** When counting began; null while nothing counts for this gateway. */
  #sinceMs: number | null = null;
  #said: string | null = null;
  #stopped = false;

  constructor(options: RecorderPullOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#pulling ??= this.pull().finally(() => {
        this.#pulling = null;
      });
    }, this.#options.intervalMs);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopped = true;
    this.#options.recorder.close();
    await this.#pulling;
  }

  /** One turn. A gateway that begins to lead has the engines begin anew: what was counted before is not its window. */
  async pull(): Promise<void> {
    const { recorder, inbox, leading, clock, onFault } = this.#options;
    if (!leading()) {
      this.#sinceMs = null;
      return;
    }
    const sinceMs = this.#sinceMs;
    this.#sinceMs = null;
    try {
      const load = sinceMs === null ? await recorder.start().then(() => null) : await recorder.take();
      const nowMs = clock.now();
      if (load !== null && sinceMs !== null) {
        const windowMs = Math.max(1, nowMs - sinceMs);
        const report = { rank: null, window: null, incarnation: null, windowMs, counted: "source" } as const;
        inbox.take({ ...report, counts: load.tokens, engine: null });
      }
      this.#sinceMs = nowMs;
      this.#said = null;
    } catch (error) {
      const fault = error as Error;
      if (this.#stopped) return;
      if (fault.message !== this.#said) onFault(fault);
      this.#said = fault.message;
    }
  }
}
