import { closedLoop, servedModel } from "../../twin/calibration/closed-loop.ts";
import { predict } from "../../twin/calibration/cross-validate.ts";
import { type Table, constantsOf } from "../../twin/calibration/factors.ts";
import type { ClosedLoopRun } from "../../twin/calibration/closed-loop.ts";
import type { ServingTimes } from "../../twin/calibration/serving-point.ts";
import { uniformRouting } from "../../twin/uniform-routing.ts";
import type { MeasuredRow } from "./measured-rows.ts";

const SEED = 1;

/** A measured point, what arithmetic says of it, and how the twin ran it. */
export interface RanRow {
  readonly row: MeasuredRow;
  readonly predicted: ServingTimes;
  /** Null where its requests are longer than what a rank has room for. */
  readonly run: ClosedLoopRun | null;
}

/** Which rows are run: as many as asked for, evenly spread over the file. Numbers of `rows`, ascending. */
export function chosenRows(rows: readonly MeasuredRow[], count: number): readonly number[] {
  const taken = Math.min(count, rows.length);
  return Array.from({ length: taken }, (_, i) => Math.floor(((i + 0.5) * rows.length) / taken));
}

/** @param say is given a line of progress for each */
export function runPoints(
  rows: readonly MeasuredRow[],
  chosen: readonly number[],
  tableOf: (row: number) => Table,
  say: (line: string) => void,
): RanRow[] {
  return chosen.map((number, i) => {
    const row = rows[number];
    const { point, id } = row;
    const table = tableOf(number);
    say(`running ${i + 1} of ${chosen.length}: ${id}`);
    const routing = uniformRouting(servedModel(point), SEED);
    const run = closedLoop(point, constantsOf(table, point), routing, SEED);
    return { row, predicted: predict(table, point), run };
  });
}
