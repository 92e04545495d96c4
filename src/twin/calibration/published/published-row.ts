/** A published result beside what the cost model says of it. */
export interface PublishedRow {
  readonly id: string;
  readonly system: string;
  /** What was published. */
  readonly what: string;
  readonly unit: string;
  readonly published: number;
  readonly predicted: number;
  /** Whether a constant was fitted to this very figure: then it is no prediction, and is never counted. */
  readonly fitted: boolean;
  /** How the prediction comes about. */
  readonly how: string;
}
