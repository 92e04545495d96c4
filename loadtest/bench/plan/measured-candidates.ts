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

/** A measured point, what constants that have not seen its configuration predict of it, and what a roofline does. */
export interface MeasuredCandidate {
  readonly row: MeasuredRow;
  readonly point: ServingPoint;
  /** What was run, but for its load. */
  readonly configuration: string;
  readonly gpus: number;
  readonly measured: ServingTimes;
  readonly predicted: ServingTimes;
  readonly roofline: ServingTimes;
}

export interface MeasuredCandidates {
  readonly all: readonly MeasuredCandidate[];
  /** Of the predictions. */
  readonly errors: TimeErrors;
}

/**
 * What a choice is made in. Its configurations are left out together: by constants that had seen the others and not itself,
 * a configuration would look the better the worse it is.
 */
function setting({ point }: WholeRow): string {
  const mode = point.prefill === null ? "together" : "apart";
  return [point.model.name, point.gpu.name, point.backend, point.precision, mode].join(" ");
}

/**
 * The points of a table whose times are all known. Configurations that the shipped constants have seen are predicted by
 * constants that are fitted to the table's other configurations; the rest by what ships.
 * @throws InputError
 */
export async function measuredCandidates(
  path: string,
  say: (line: string) => void,
): Promise<MeasuredCandidates> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new InputError(path, "", "cannot be read; name a table of measured points (--measured)");
  });
  const whole = wholeRows(readMeasuredRows(text, path, await Catalogue.shipped()));
  if (whole.length === 0)
    throw new InputError(path, "", "holds no rows with ttft_ms, tpot_ms and out_tok_s_gpu; expected some");
  const file = await readConstantsFile();
  const shipped = tableOf(file.constants);
  const seen = new Set(file.configurations);
  const known = whole.filter(({ point }) => seen.has(configurationOf(point)));
  const tables = new Map<string, Table>();
  const fitted = crossFit(known, setting, fit, (part) => say(`without ${part}`));
  for (const [i, table] of fitted.entries()) tables.set(known[i].row.id, table);
  const all = whole.map(({ row, point, times }) => ({
    row,
    point,
    configuration: configurationOf(point),
    gpus: point.gpus,
    measured: times,
    predicted: predict(tables.get(row.id) ?? shipped, point),
    roofline: predictPoint(point, modelSizes(point.model, point.precision), ROOFLINE),
  }));
  const errors = timeErrors(
    compare(
      whole,
      all.map(({ predicted }) => predicted),
    ),
  );
  return { all, errors };
}
