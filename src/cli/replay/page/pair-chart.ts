import { milliseconds } from "../../../lib/number-text.ts";
import { type Axis, linearAxis, roundEnd, stepText } from "../../../report/html/axis.ts";
import type { Chart, Mark } from "../../../report/html/chart.ts";

const TICKS = 5;

export type Point = readonly [x: number, y: number | null];

/** One measure of two runs, as two lines. */
export interface PairFacts {
  readonly title: string;
  readonly unit: string;
  readonly xTitle: string;
  readonly x?: Axis;
  /** Where the axes end by nature; round values above the greatest without. */
  readonly yEnd?: number;
  readonly a: readonly Point[];
  readonly b: readonly Point[];
  readonly marks?: readonly Mark[];
  /** Places of the table in figures; all of A's and B's without. */
  readonly rows?: readonly number[];
  /** How a row is called. */
  readonly rowText: (x: number) => string;
}

/** A is solid, B is dashed. */
export function pairChart(facts: PairFacts): Chart {
  const { title, unit, xTitle, a, b, marks = [], rowText } = facts;
  const both = [...a, ...b];
  const most = Math.max(0, ...both.map(([, value]) => value ?? 0));
  const rows = facts.rows ?? [...new Set(both.map(([x]) => x))].sort((one, other) => one - other);
  const at = (points: readonly Point[], x: number): string =>
    milliseconds(points.find(([place]) => place === x)?.[1] ?? null);
  return {
    title,
    unit: `${unit}; A solid, B dashed`,
    xTitle,
    x: facts.x ?? linearAxis(roundEnd(Math.max(0, ...both.map(([x]) => x)), TICKS), TICKS, stepText),
    y: linearAxis(facts.yEnd ?? roundEnd(most, TICKS), TICKS, stepText),
    lines: [
      { policy: "plimsoll", points: a },
      { policy: "eplb", points: b },
    ],
    marks,
    notches: [],
    says: `${title} (${unit}) of A and of B, by ${xTitle}.`,
    table: {
      caption: `${title}, ${unit}, of both`,
      columns: ["", "A", "B"],
      rows: rows.map((x) => ({ header: rowText(x), cells: [at(a, x), at(b, x)] })),
    },
  };
}
