import { time } from "../format.ts";
import { type StripCells, shadeOfHeld } from "./strip-cells.ts";
import {
  STRIP_LEFT,
  STRIP_RIGHT,
  type StripMarks,
  TITLE_PX,
  rowHeight,
  stripHeight,
} from "./strip-geometry.ts";

const TICKS_APART_PX = 90;
/** From one time on the axis to the next, minutes. */
const TICKS = [1, 2, 5, 10, 20, 30, 60, 120, 240, 360, 720];
const LABELS_APART_PX = 14;
const HATCH_PX = 5;

export interface StripStyle {
  readonly ink: string;
  readonly soft: string;
  readonly rule: string;
  readonly font: string;
  /** `[SHADES][3]` */
  readonly shades: Uint8ClampedArray;
}

/** Draws it all: title, names of nodes, cells and what is marked. The canvas is given `scale` pixels for one. */
export function paintStrip(
  canvas: HTMLCanvasElement,
  title: string,
  cells: StripCells,
  marks: StripMarks,
  style: StripStyle,
  width: number,
  scale: number,
): void {
  const high = rowHeight(cells.rows);
  const cellsHigh = cells.rows * high;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(stripHeight(cells.rows) * scale);
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.scale(scale, scale);
  context.font = `11px ${style.font}`;
  context.textBaseline = "top";
  context.fillStyle = style.soft;
  context.fillText(title, 0, 1);
  const right = width - STRIP_RIGHT;
  const xOf = (when: number) => {
    const x = STRIP_LEFT + ((when - marks.from) / (marks.to - marks.from)) * (right - STRIP_LEFT);
    return Math.min(right, Math.max(STRIP_LEFT, x));
  };
  names(context, cells, high);
  for (let column = 0; column < cells.columns; column++) {
    if (cells.known[column] === null) continue;
    const x = xOf(cells.from + column * cells.stepMs);
    // Without seams between neighbours.
    const wide = xOf(cells.from + (column + 1) * cells.stepMs) - x;
    for (let row = 0; row < cells.rows; row++) {
      const shade = shadeOfHeld(cells.held[column][row]) * 3;
      context.fillStyle = `rgb(${style.shades.slice(shade, shade + 3).join(" ")})`;
      context.fillRect(x, TITLE_PX + row * high, wide + 0.5, high);
    }
  }
  context.fillStyle = style.soft;
  times(context, marks, xOf, TITLE_PX + cellsHigh + 4);
  context.strokeStyle = style.ink;
  for (let column = 0; column < cells.columns; column++)
    for (let row = 0; row < cells.rows; row++) {
      if (cells.gone[column][row] === 0) continue;
      const [x, next] = [column, column + 1].map((at) => xOf(cells.from + at * cells.stepMs));
      hatch(context, x, next, TITLE_PX + row * high, high);
    }
  context.strokeStyle = style.rule;
  context.strokeRect(STRIP_LEFT - 0.5, TITLE_PX - 0.5, right - STRIP_LEFT + 1, cellsHigh + 1);
  context.fillStyle = style.ink;
  if (marks.gpu !== null) {
    const y = TITLE_PX + Math.floor(marks.gpu / cells.gpusPerRow) * high;
    context.fillRect(STRIP_LEFT - 5, y, 4, high);
    context.fillRect(right + 1, y, 4, high);
  }
  if (marks.at !== null && marks.at >= marks.from && marks.at <= marks.to)
    context.fillRect(xOf(marks.at) - 0.75, TITLE_PX, 1.5, cellsHigh);
}

/** Numbers of nodes, as far apart as they can be read. */
function names(context: CanvasRenderingContext2D, cells: StripCells, high: number): void {
  const rowsPerNode = cells.gpusPerNode / cells.gpusPerRow;
  let free = 0;
  context.textAlign = "right";
  for (let row = 0; row < cells.rows; row += rowsPerNode) {
    const y = TITLE_PX + row * high;
    if (y < free) continue;
    context.fillText(`${row / rowsPerNode}`, STRIP_LEFT - 8, y);
    free = y + LABELS_APART_PX;
  }
  context.textAlign = "left";
}

/** Whole minutes or hours, as close as they can be read. */
function times(
  context: CanvasRenderingContext2D,
  { from, to }: StripMarks,
  xOf: (when: number) => number,
  y: number,
): void {
  const most = (xOf(to) - xOf(from)) / TICKS_APART_PX;
  const minutes = TICKS.find((one) => (to - from) / (one * 60_000) <= most) ?? TICKS[TICKS.length - 1];
  // In the reader's own time zone, where hours begin with the day.
  const zone = new Date(from).getTimezoneOffset() * 60_000;
  const step = minutes * 60_000;
  context.textAlign = "center";
  for (let at = Math.ceil((from - zone) / step) * step + zone; at < to; at += step)
    context.fillText(time(at).slice(0, 5), xOf(at), y);
  context.textAlign = "left";
}

/** Strokes that go on from cell to cell. */
function hatch(context: CanvasRenderingContext2D, from: number, to: number, y: number, high: number): void {
  context.save();
  context.beginPath();
  context.rect(from, y, to - from, high);
  context.clip();
  context.beginPath();
  for (let x = Math.floor((from - high) / HATCH_PX) * HATCH_PX; x < to; x += HATCH_PX) {
    context.moveTo(x, y + high);
    context.lineTo(x + high, y);
  }
  context.stroke();
  context.restore();
}
