import type { DistributionSummary } from "../../../src/replay/measures/distribution.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What the load generator is told to do. */
export interface LoadOrder {
  /** Connections go to each in turn. */
  readonly servers: readonly Address[];
  readonly streamed: boolean;
  /** Connections, each with one request in flight at all times; the most, where requests are offered at a rate. */
  readonly concurrency: number;
  /** Requests offered a second; null where each follows another. */
  readonly perSecond: number | null;
  /** Connections opened at once when the window begins, each for one request. */
  readonly newcomers: number;
  readonly bodyBytes: number;
  /** Until what happens counts; connections open evenly over it. */
  readonly warmUpMs: number;
  readonly windowMs: number;
  /** The router's processes, whose CPU time in the window is read. */
  readonly pids: readonly number[];
}

/** What happened within the window, but for `failed`. */
export interface LoadFigures {
  /** When the window began and ended: microseconds of the machine's monotonic clock. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly seconds: number;
  /** Answered whole. */
  readonly requests: number;
  /** Server-sent events. */
  readonly frames: number;
  /**
   * From the request to the first byte of the answer's body, in milliseconds, as the next; of one that is offered at a
   * rate, from when it was due.
   */
  readonly ttft: DistributionSummary | null;
  /** Between events of a stream; those that came in one read are 0 apart. */
  readonly itl: DistributionSummary | null;
  /** Until the last newcomer has its first byte, in milliseconds; null without any, or where one never had it. */
  readonly lastNewcomerMs: number | null;
  /** Of the router's processes. */
  readonly cpuSeconds: number;
  /** At the end of the window. */
  readonly residentBytes: number;
  /** Broken off, not answered 200 or never answered; from the first connection to the last. */
  readonly failed: number;
  /** What became of the first of those; null without any. */
  readonly failure: string | null;
}

/** What the load generator says: first that the window is over, then, when the last answer has come, the figures. */
export type LoadReport =
  | { readonly kind: "over" }
  | { readonly kind: "figures"; readonly figures: LoadFigures };
