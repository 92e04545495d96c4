import type { StripCells } from "./strip-cells.ts";

/** As the plots of a pool over time have them. */
export const STRIP_LEFT = 40;
export const STRIP_RIGHT = 14;
export const TITLE_PX = 18;
const AXIS_PX = 18;
const ROW_PX = { least: 3, most: 12 };
const CELLS_PX = 192;

/** What is marked in it. */
export interface StripMarks {
  readonly from: number;
  readonly to: number;
  readonly at: number | null;
  readonly gpu: number | null;
}

export function rowHeight(rows: number): number {
  return Math.min(ROW_PX.most, Math.max(ROW_PX.least, Math.floor(CELLS_PX / rows)));
}

export function stripHeight(rows: number): number {
  return TITLE_PX + rows * rowHeight(rows) + AXIS_PX;
}

/** Which cell is there; null for none. @param width of the strip, px */
export function cellOfPoint(
  cells: StripCells,
  { from, to }: StripMarks,
  width: number,
  x: number,
  y: number,
): { readonly row: number; readonly column: number } | null {
  const when = from + ((x - STRIP_LEFT) / (width - STRIP_LEFT - STRIP_RIGHT)) * (to - from);
  const row = Math.floor((y - TITLE_PX) / rowHeight(cells.rows));
  const column = Math.floor((when - cells.from) / cells.stepMs);
  const inside = when >= from && when < to && row >= 0 && row < cells.rows;
  return inside && column < cells.columns ? { row, column } : null;
}
