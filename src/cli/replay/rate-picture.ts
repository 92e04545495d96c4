import { clockText, decimals } from "../../lib/number-text.ts";

const EIGHTHS = " ▁▂▃▄▅▆▇█";
const ROWS = 6;
const LABEL = 9;

/** A series of values, and what they are. */
export interface Series {
  /** At least one, none below 0. */
  readonly values: readonly number[];
  /** Milliseconds of each. */
  readonly widthMs: number;
  readonly title: string;
}

/** A picture of a series in block characters, `values.length` and a label wide. */
export function ratePicture({ values, widthMs, title }: Series): string {
  const most = Math.max(...values);
  const levels = values.map((value) => (most === 0 ? 0 : Math.round((value / most) * ROWS * 8)));
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const floor = (ROWS - 1 - i) * 8;
    // Whatever is not nothing is seen.
    const cells = levels.map((level, at) => {
      const seen = floor === 0 && values[at] > 0 ? Math.max(1, level) : level;
      return EIGHTHS[Math.max(0, Math.min(8, seen - floor))];
    });
    const label = i === 0 ? digits(most) : i === ROWS - 1 ? "0" : "";
    return `${label.padStart(LABEL)} ┤${cells.join("")}`;
  });
  const end = clockText(values.length * widthMs);
  const axis = `${" ".repeat(LABEL)} └${"─".repeat(values.length)}`;
  const times = `${" ".repeat(LABEL + 2)}${clockText(0)}${end.padStart(Math.max(end.length + 1, values.length - 8))}`;
  return [title, ...rows, axis, times].join("\n");
}

function digits(value: number): string {
  return decimals(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
