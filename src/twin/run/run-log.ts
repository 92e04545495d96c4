/** Receives what happens in a virtual run, in the order of its clock. Times are virtual milliseconds. */
export interface RunObserver {
  /** A request is over. */
  request(record: RequestRecord): void;
  /** A pool's forward pass is over. */
  step(span: StepSpan): void;
  /** A pool's window is over: what was measured in it. */
  window(point: WindowPoint): void;
  /** Something that a person would mark on a time axis. */
  event(event: RunEvent): void;
}

/** How a request ended: answered whole, not admitted, or given up. */
export type RequestOutcome = "completed" | "refused" | "failed";

/** A request's life. */
export interface RequestRecord {
  readonly id: number;
  readonly outcome: RequestOutcome;
  /** Why it was refused or failed, in a clause; null where it completed. */
  readonly reason: string | null;
  readonly arrivalMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Prompt tokens found in the cache of the rank that computed the prompt. */
  readonly cachedTokens: number;
  /** Pool and rank of its prompt; null where it never got one. */
  readonly pool: string | null;
  readonly rank: number | null;
  /** Pool and rank of its decoding, where that is another; else null. */
  readonly decodePool: string | null;
  readonly decodeRank: number | null;
  /** Its prompt's first forward pass begins; null where none did. */
  readonly startedMs: number | null;
  /** Its first token is there; null where there was none. */
  readonly firstTokenMs: number | null;
  /** Its last token is there, or it was refused or failed. */
  readonly endMs: number;
  /** Times that its rank ran out of cache and computed it anew later. */
  readonly preemptions: number;
}

/** One forward pass of a pool. */
export interface StepSpan {
  readonly pool: string;
  readonly startMs: number;
  readonly ms: number;
  /** Prompt tokens and decoding sequences forwarded, over all ranks. */
  readonly prefillTokens: number;
  readonly decoding: number;
}

/** A window of a pool; figures that nothing was forwarded for are null. */
export interface WindowPoint {
  readonly pool: string;
  /** The window's end. */
  readonly atMs: number;
  readonly spanMs: number;
  readonly steps: number;
  readonly tokens: number;
  readonly meanStepMs: number | null;
  /** Σ mean / Σ max GPU load over steps and layers. */
  readonly balancedness: number | null;
  readonly hopsPerToken: number | null;
  readonly nodeHopsPerToken: number | null;
  /** Requests at the window's end, over all ranks. */
  readonly running: number;
  readonly waiting: number;
  /** Part of the key-value cache in use at the window's end: of all ranks, and of the fullest. */
  readonly kvUse: number;
  readonly kvUseMost: number;
  /** Snapshots so far. */
  readonly epoch: number;
  readonly lostRanks: number;
  /** Experts that are on no rank, summed over layers. */
  readonly missingExperts: number;
}

/** Something that happened to a pool, for people. */
export interface RunEvent {
  readonly pool: string;
  readonly atMs: number;
  readonly kind: "placement-begun" | "placement" | "shares" | "rank-lost" | "rank-back" | "traffic";
  /** One clause for a person. */
  readonly text: string;
}
