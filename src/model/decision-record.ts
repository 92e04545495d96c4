/** What a pool's leader has decided about the pool, and what came of it. Plain JSON. */
export interface DecisionRecord {
  /** Of this pool, ascending from 1. The same number comes again as it goes on. */
  readonly id: number;
  /**
   * `placement`: experts are placed anew; `repair`: experts that were missing are; `loss`: what lost ranks held is not
   * counted on; `shares`: the split over the replicas follows the load; `kept`: another placement was weighed and not taken.
   */
  readonly kind: DecisionKind;
  /** One sentence for a person. */
  readonly reason: string;
  readonly state: DecisionState;
  /** Why it was given up; else null. */
  readonly why: string | null;
  /** When it was decided, wall-clock milliseconds since 1970. */
  readonly atMs: number;
  /** When its last epoch was published, or it was given up; null before. */
  readonly endMs: number | null;
  /** Decisions of its kind, one after the other without a placement between them, are one record: how many they are. */
  readonly times: number;
  /** Stages of some layers that are published, of how many; null where it has none. */
  readonly stages: { readonly done: number; readonly of: number } | null;
  /** Published so far. */
  readonly movedSlots: number;
  readonly movedBytes: number;
  /** Null where nothing was weighed. */
  readonly weighed: WeighedChange | null;
  /** Over the last minute before it, and over the first after it: so far, while less has passed. Null where nothing was forwarded. */
  readonly before: MeasuredFigures | null;
  readonly after: MeasuredFigures | null;
}

export type DecisionKind = (typeof DECISION_KINDS)[number];
export const DECISION_KINDS = ["placement", "repair", "loss", "shares", "kept"] as const;
export type DecisionState = (typeof DECISION_STATES)[number];
export const DECISION_STATES = ["under way", "done", "given up"] as const;

/** What was predicted, for the load that was forecast. */
export interface WeighedChange {
  /** Of what was in force, and of what was to follow it. */
  readonly before: PredictedFigures;
  readonly after: PredictedFigures;
  /** All of its moves. */
  readonly movedSlots: number;
  readonly movedBytes: number;
  /** The part of tokens that it is predicted to forward more, and how many more are worth its moves; null for shares, which have none. */
  readonly gain: number | null;
  readonly neededGain: number | null;
}

export interface PredictedFigures {
  readonly balancedness: number;
  /** Per token and layer; null where it was not asked. */
  readonly nodeHops: number | null;
}

/** Of the windows that ended within a span. */
export interface MeasuredFigures {
  readonly spanMs: number;
  readonly tokensPerSecond: number;
  /** Σ mean / Σ max GPU load over steps and layers. */
  readonly balancedness: number;
  /** Per token and layer; null where the engines do not report it. */
  readonly nodeHops: number | null;
}
