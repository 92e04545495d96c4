import Table from "cli-table3";
import { type ConstantsFile, readConstantsFile } from "../config/calibration/constants-file.ts";
import { loadModel } from "../config/shapes.ts";
import { Catalogue } from "./calibration/known-hardware.ts";
import { type MeasuredRow, readMeasuredRows } from "./calibration/measured-rows.ts";
import { ownConstants } from "./calibration/own-constants.ts";
import { type PredictedRow, jsonRow, movedTo, predictRows } from "./calibration/predicted-rows.ts";
import { errorsBy, errorsTable, jsonErrorsBy } from "./calibration/row-groups.ts";
import { tableOf } from "../twin/calibration/fitted-constants.ts";
import type { TimeErrors } from "../twin/calibration/error-summary.ts";
import type { Table as FactorTable } from "../twin/calibration/factors.ts";
import { chosenRows, runPoints } from "./calibration/run-points.ts";
import { runReport } from "./calibration/run-report.ts";
import { predict } from "../twin/calibration/cross-validate.ts";
import { unseenTables, wholeRows } from "./calibration/unseen-errors.ts";
import { publishedResult } from "./calibration/published-result.ts";
import { InputError } from "../lib/errors.ts";
import { type Output, output, readInput, writeOutput } from "./output.ts";

export interface CalibrateFlags {
  readonly measured?: string;
  readonly crossValidate?: true;
  /** Points that the twin runs. */
  readonly run?: number;
  /** Where constants of one's own go. */
  readonly fit?: string;
  readonly constants?: string;
  readonly json?: true;
}

/** More rows are left to --json. */
const MOST_ROWS = 40;

/** What the cost model predicts beside what was measured: of a table of one's own, or of published results. */
export async function calibrate({
  measured,
  crossValidate,
  run,
  fit,
  constants,
  json,
}: CalibrateFlags): Promise<void> {
  const out = output(json ?? false);
  let file = await readConstantsFile(constants);
  let table = tableOf(file.constants);
  if (measured === undefined) {
    if (fit !== undefined) throw new InputError("--fit", "", "has nothing to fit to; give --measured too");
    if (run !== undefined) throw new InputError("--run", "", "has nothing to run; give --measured too");
    const { value, text } = publishedResult(file, await loadModel("deepseek-v3"));
    out.result(value, text);
    return;
  }
  const text = new TextDecoder().decode(await readInput(measured));
  const rows = readMeasuredRows(text, measured, await Catalogue.shipped());
  if (run !== undefined) {
    if (fit !== undefined) throw new InputError("--fit", "", "goes without --run; leave one of them");
    const unseen = crossValidate ? tablesWithout(rows, measured, out) : null;
    const ran = runPoints(rows, chosenRows(rows, run), (row) => unseen?.[row] ?? table, out.progress);
    const { value, text: said } = runReport(ran);
    out.result(value, said);
    return;
  }
  if (crossValidate) {
    if (fit !== undefined)
      throw new InputError("--fit", "", "goes without --cross-validate; leave one of them");
    sayResult(predictedUnseen(rows, measured, table, file, out), file.unseen.folds, {}, out);
    return;
  }
  let own: object = {};
  if (fit !== undefined) {
    const fitted = ownConstants(rows, measured, file, table);
    await writeOutput(fit, `${JSON.stringify(fitted.file, null, 1)}\n`);
    ({ file, table } = fitted);
    own = {
      own: { factors: fitted.factors, file: fit, unseen: jsonErrorsBy(fitted.file.unseen.folds).own ?? null },
    };
    out.progress(`${fit}: factors ${JSON.stringify(fitted.factors)}`);
  }
  sayResult(predictRows(rows, table, file), file.unseen.folds, own, out);
}

/** Rows predicted by constants that are fitted to others of them; what ships plays no part. */
function predictedUnseen(
  rows: readonly MeasuredRow[],
  source: string,
  table: FactorTable,
  file: ConstantsFile,
  out: Output,
): PredictedRow[] {
  const unseen = tablesWithout(rows, source, out);
  return predictRows(rows, table, file).map((one, i) => movedTo(one, predict(unseen[i], one.row.point)));
}

/** Of each row, constants fitted to rows of other groups. */
function tablesWithout(rows: readonly MeasuredRow[], source: string, out: Output): FactorTable[] {
  const whole = wholeRows(rows);
  const groups = new Set(whole.map(({ row }) => row.group));
  if (whole.length < rows.length || groups.size < 2) {
    const hint = `has ${whole.length} of ${rows.length} rows with all times, of ${groups.size} groups; expected all, of two or more (split_group)`;
    throw new InputError(source, "", hint);
  }
  return unseenTables(whole, (line) => out.progress(line));
}

function sayResult(
  predicted: readonly PredictedRow[],
  unseen: Readonly<Record<string, TimeErrors>>,
  own: object,
  out: Output,
): void {
  const counted = predicted
    .filter(({ fitted, row }) => !fitted && (row.tpotMs ?? row.ttftMs ?? row.outTokSGpu) !== null)
    .map((one) => ({ row: one.row, predicted: one.predicted, measured: one.row }));
  const summary = {
    rows: predicted.length,
    predicted: predicted.length,
    coverage: 1,
    fitted: predicted.filter(({ fitted }) => fitted).length,
    counted: counted.length,
    errors:
      counted.length === 0
        ? null
        : Object.fromEntries(Object.entries(errorsBy(counted)).map(([name, by]) => [name, jsonErrorsBy(by)])),
    unseen: jsonErrorsBy(unseen),
    ...own,
  };
  const parts = [
    rowsTable(predicted),
    `${summary.rows} rows, all predicted; ${summary.fitted} of configurations that the constants were fitted to (*), which are not counted.`,
    counted.length === 0
      ? ""
      : `Errors of the ${counted.length} others, median (90th percentile):\n${errorsTable(errorsBy(counted))}`,
  ];
  out.result({ rows: predicted.map(jsonRow), summary }, parts.filter((part) => part !== "").join("\n\n"));
}

function rowsTable(predicted: readonly PredictedRow[]): string {
  const table = new Table({
    head: ["", "TPOT, ms", "", "tokens/s per GPU", "", "TTFT, ms", ""],
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const pair = (value: number, known: number | null) => [
    value.toPrecision(4),
    known === null ? "–" : `${value > known ? "+" : ""}${(100 * (value / known - 1)).toFixed(0)} %`,
  ];
  for (const { row, predicted: times, fitted } of predicted.slice(0, MOST_ROWS)) {
    table.push([
      `${row.id.slice(0, 60)}${fitted ? " *" : ""}`,
      ...pair(times.tpotMs, row.tpotMs),
      ...pair(times.outTokSGpu, row.outTokSGpu),
      ...pair(times.ttftMs, row.ttftMs),
    ]);
  }
  const more = predicted.length - MOST_ROWS;
  return more > 0 ? `${table.toString()}\n… and ${more} more rows (--json has all)` : table.toString();
}
