import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import { crossFit, crossValidate } from "../../twin/calibration/cross-validate.ts";
import { type Compared, MEASURES, quantile, timeErrors } from "../../twin/calibration/error-summary.ts";
import type { Table } from "../../twin/calibration/factors.ts";
import { type Measured, fit } from "../../twin/calibration/fit.ts";
import type { ServingTimes } from "../../twin/calibration/serving-point.ts";
import type { MeasuredRow } from "./measured-rows.ts";

const FOLDS = 5;
/** Four points of five lie between these parts. */
const BAND = [0.1, 0.9] as const;

/** A row whose times are all known. */
export interface WholeRow extends Measured {
  readonly row: MeasuredRow;
}

export function wholeRows(rows: readonly MeasuredRow[]): WholeRow[] {
  return rows.flatMap((row) => {
    const { point, ttftMs, tpotMs, outTokSGpu } = row;
    if (ttftMs === null || tpotMs === null || outTokSGpu === null) return [];
    return [{ row, point, times: { ttftMs, tpotMs, outTokSGpu } }];
  });
}

/** Ways to split: what is left out together, and what the split asks. */
const SPLITS: readonly (readonly [name: string, part: (whole: WholeRow) => string])[] = [
  ["configuration", ({ row }) => String(foldOf(row.group))],
  ["system", ({ row }) => row.point.gpu.name],
  ["backend", ({ row }) => row.point.backend],
  ["model", ({ row }) => row.point.family],
];

export interface Unseen {
  readonly unseen: ConstantsFile["unseen"];
  /** Of the split by configuration, what was predicted of every row. */
  readonly predicted: readonly ServingTimes[];
}

/** How far constants are off on points that they have not seen. @param say is given a line of progress */
export function unseenErrors(rows: readonly WholeRow[], say: (line: string) => void): Unseen {
  const folds: ConstantsFile["unseen"]["folds"] = {};
  let byConfiguration: readonly ServingTimes[] = [];
  let byModel: readonly ServingTimes[] = [];
  for (const [name, partOf] of SPLITS) {
    const predicted = crossValidate(rows, partOf, fit, (part) => say(`without ${name} ${part}`));
    folds[name] = rounded(timeErrors(compare(rows, predicted)));
    if (name === "configuration") byConfiguration = predicted;
    if (name === "model") byModel = predicted;
  }
  const isApart = ({ point }: WholeRow) => point.prefill !== null;
  return {
    predicted: byConfiguration,
    unseen: {
      folds,
      bands: {
        agg: bandsOf(rows, byConfiguration, (row) => !isApart(row)),
        disagg: bandsOf(rows, byConfiguration, isApart),
        unknown: bandsOf(rows, byModel, () => true),
      },
    },
  };
}

/** Of each row, constants that are fitted to the rows of other configurations. */
export function unseenTables(rows: readonly WholeRow[], say: (line: string) => void): Table[] {
  const [[name, partOf]] = SPLITS;
  return crossFit(rows, partOf, fit, (part) => say(`without ${name} ${part}`));
}

export function compare(rows: readonly WholeRow[], predicted: readonly ServingTimes[]): Compared[] {
  return rows.map(({ times }, i) => ({ measured: times, predicted: predicted[i] }));
}

/** Evenly over parts, by a hash of the group's name (FNV-1a). */
function foldOf(group: string): number {
  let hash = 0x811c9dc5;
  for (const letter of group) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % FOLDS;
}

function bandsOf(
  rows: readonly WholeRow[],
  predicted: readonly ServingTimes[],
  counts: (row: WholeRow) => boolean,
): ConstantsFile["unseen"]["bands"]["agg"] {
  const bands: Record<string, [number, number]> = {};
  for (const measure of MEASURES) {
    const ratios = rows
      .flatMap((row, i) => (counts(row) ? [row.times[measure] / predicted[i][measure]] : []))
      .sort((a, b) => a - b);
    const [low, high] = BAND.map((part) =>
      ratios.length === 0 ? 1 : Number(quantile(ratios, part).toPrecision(3)),
    );
    bands[measure] = [low, high];
  }
  return bands as ConstantsFile["unseen"]["bands"]["agg"];
}

function rounded(errors: ReturnType<typeof timeErrors>): ConstantsFile["unseen"]["folds"][string] {
  const round = (error: (typeof errors)["ttftMs"]) =>
    error === null
      ? null
      : { points: error.points, median: Number(error.median.toFixed(4)), p90: Number(error.p90.toFixed(4)) };
  return {
    ttftMs: round(errors.ttftMs),
    tpotMs: round(errors.tpotMs),
    outTokSGpu: round(errors.outTokSGpu),
  };
}
