import { InputError } from "../../lib/errors.ts";
import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import { crossValidate } from "../../twin/calibration/cross-validate.ts";
import { timeErrors } from "../../twin/calibration/error-summary.ts";
import { type Table, OWN } from "../../twin/calibration/factors.ts";
import { configurationOf, fitOwn } from "../../twin/calibration/fit.ts";
import type { MeasuredRow } from "./measured-rows.ts";
import { compare, wholeRows } from "./unseen-errors.ts";

/** Below this a factor says more of chance than of the system. */
const LEAST_ROWS = 3;

export interface OwnConstants {
  readonly file: ConstantsFile;
  readonly table: Table;
  /** The factors, by what they multiply. */
  readonly factors: Readonly<Record<string, number>>;
}

/**
 * Constants for a user's own system: a few factors on what ships. Rows of one configuration are left out together to
 * say how far the factors are off where they have not been fitted; with one configuration only, nothing is said.
 * @throws InputError where too little was measured
 */
export function ownConstants(
  rows: readonly MeasuredRow[],
  source: string,
  shipped: ConstantsFile,
  table: Table,
): OwnConstants {
  const whole = wholeRows(rows);
  if (whole.length < LEAST_ROWS) {
    const hint = `has ${whole.length} rows with ttft_ms, tpot_ms and out_tok_s_gpu; expected at least ${LEAST_ROWS} to fit to`;
    throw new InputError(source, "", hint);
  }
  const configurations = [...new Set(whole.map(({ point }) => configurationOf(point)))];
  const own = fitOwn(table, whole);
  const factors: Record<string, number> = {};
  const constants = structuredClone(shipped.constants);
  for (const component of Object.keys(OWN)) {
    const factor = Number(Math.exp(own.table.get(`${component}/own/here`) ?? 0).toPrecision(4));
    factors[component] = factor;
    constants[component].factors.own = { here: factor };
  }
  const folds = { ...shipped.unseen.folds };
  if (configurations.length > 1) {
    const predicted = crossValidate(
      whole,
      ({ point }) => configurationOf(point),
      (others) => fitOwn(table, others),
    );
    folds.own = timeErrors(compare(whole, predicted));
  }
  const file: ConstantsFile = {
    ...shipped,
    source: `${shipped.source}; factors of one's own from ${whole.length} rows of ${source}`,
    configurations: [...new Set([...shipped.configurations, ...configurations])].sort(),
    constants,
    unseen: { ...shipped.unseen, folds },
  };
  return { file, table: own.table, factors };
}
