/** What was decided last in a term, for people. */
export interface LastDecision {
  /** One sentence. */
  reason: string;
  /** What was weighed; null where nothing was. */
  explanation: unknown;
}
