/** Where an axis has a number. */
export interface Tick {
  /** A row or column. */
  readonly at: number;
  readonly number: number;
}
