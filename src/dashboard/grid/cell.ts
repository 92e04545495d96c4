/** Of a grid. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}
