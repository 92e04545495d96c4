import { pathNumber } from "./path-number.ts";

/** A line as SVG path data, with breaks where a value is null. */
export interface Point {
  /** In pixels, ascending. */
  readonly x: number;
  readonly y: number | null;
}

/**
 * Draws no more than a width can show: of the points that fall into one pixel the first, the least, the greatest and
 * the last are kept, in their order, so that no peak is lost.
 */
export function linePath(points: Iterable<Point>): string {
  const parts: string[] = [];
  let pen = "M";
  let column: { x: number; y: number }[] = [];
  const flush = () => {
    for (const { x, y } of extremes(column)) {
      parts.push(`${pen}${pathNumber(x)} ${pathNumber(y)}`);
      pen = "L";
    }
    column = [];
  };
  let lonely = false;
  for (const { x, y } of points) {
    if (column.length > 0 && (y === null || Math.floor(x) !== Math.floor(column[0].x))) flush();
    if (y === null) {
      // A point between two gaps would not be seen.
      if (lonely) parts.push("h-3");
      lonely = false;
      pen = "M";
      continue;
    }
    lonely = pen === "M" && column.length === 0;
    column.push({ x, y });
  }
  flush();
  if (lonely) parts.push("h-3");
  return parts.join("");
}

function extremes(column: readonly { x: number; y: number }[]): readonly { x: number; y: number }[] {
  if (column.length <= 4) return column;
  let [least, most] = [0, 0];
  for (const [i, { y }] of column.entries()) {
    if (y < column[least].y) least = i;
    if (y > column[most].y) most = i;
  }
  const kept = [...new Set([0, least, most, column.length - 1])].sort((a, b) => a - b);
  return kept.map((i) => column[i]);
}
