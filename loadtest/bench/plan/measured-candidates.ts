import { readFile } from "node:fs/promises";
import { Catalogue } from "../../../src/cli/calibration/known-hardware.ts";
import { type MeasuredRow, readMeasuredRows } from "../../../src/cli/calibration/measured-rows.ts";
import { type WholeRow, compare, wholeRows } from "../../../src/cli/calibration/unseen-errors.ts";
import { readConstantsFile } from "../../../src/config/calibration/constants-file.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { crossFit, predict } from "../../../src/twin/calibration/cross-validate.ts";
import { type TimeErrors, timeErrors } from "../../../src/twin/calibration/error-summary.ts";
import type { Table } from "../../../src/twin/calibration/factors.ts";
import { configurationOf, fit } from "../../../src/twin/calibration/fit.ts";
import { tableOf } from "../../../src/twin/calibration/fitted-constants.ts";
import { modelSizes } from "../../../src/twin/calibration/model-sizes.ts";
import { predictPoint } from "../../../src/twin/calibration/predict-point.ts";
import type { ServingPoint, ServingTimes } from "../../../src/twin/calibration/serving-point.ts";
import { ROOFLINE } from "./roofline.ts";

/** A measured point whose times are all known. */
export interface MeasuredPoint {
  readonly row: MeasuredRow;
  readonly point: ServingPoint;
  /** What was run, but for its load. */
  readonly configuration: string;
  readonly gpus: number;
  readonly measured: ServingTimes;
}

/** With what constants that have not seen its configuration predict of it, and what a roofline does. */
export interface MeasuredCandidate extends MeasuredPoint {
  readonly predicted: ServingTimes;
  readonly roofline: ServingTimes;
}

export interface MeasuredCandidates {
  readonly all: readonly MeasuredCandidate[];
  /** Of the predictions. */
  readonly errors: TimeErrors;
}

/** @throws InputError */
export async function readMeasuredPoints(path: string): Promise<MeasuredPoint[]> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new InputError(path, "", "cannot be read; name a table of measured points (--measured)");
  });
  const whole = wholeRows(readMeasuredRows(text, path, await Catalogue.shipped()));
  if (whole.length === 0)
    throw new InputError(path, "", "holds no rows with ttft_ms, tpot_ms and out_tok_s_gpu; expected some");
  return whole.map(({ row, point, times }) => ({
    row,
    point,
    configuration: configurationOf(point),
    gpus: point.gpus,
    measured: times,
  }));
}

/**
 * Configurations that the shipped constants have seen are predicted by constants that are fitted to the table's other
 * settings; the rest by what ships.
 */
export async function predictUnseen(
  points: readonly MeasuredPoint[],
  say: (line: string) => void,
): Promise<MeasuredCandidates> {
  const file = await readConstantsFile();
  const shipped = tableOf(file.constants);
  const seen = new Set(file.configurations);
  const whole = points.map((one): WholeRow => ({ row: one.row, point: one.point, times: one.measured }));
  const known = whole.filter(({ point }) => seen.has(configurationOf(point)));
  const tables = new Map<MeasuredRow, Table>();
  const fitted = crossFit(known, settingOf, fit, (part) => say(`fitting without ${part}`));
  for (const [i, table] of fitted.entries()) tables.set(known[i].row, table);
  const all = points.map((one) => ({
    ...one,
    predicted: predict(tables.get(one.row) ?? shipped, one.point),
    roofline: predictPoint(one.point, modelSizes(one.point.model, one.point.precision), ROOFLINE),
  }));
  const predicted = all.map((one) => one.predicted);
  return { all, errors: timeErrors(compare(whole, predicted)) };
}

/**
 * What a choice is made in. Its configurations are left out together: by constants that had seen the others and not itself,
 * a configuration would look the better the worse it is.
 */
function settingOf({ point }: WholeRow): string {
  const mode = point.prefill === null ? "together" : "apart";
  return [point.model.name, point.gpu.name, point.backend, point.precision, mode].join(" ");
}
