import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import { predict } from "../../twin/calibration/cross-validate.ts";
import { relativeError } from "../../twin/calibration/error-summary.ts";
import { type Table, isKnown } from "../../twin/calibration/factors.ts";
import { configurationOf } from "../../twin/calibration/fit.ts";
import type { ServingTimes } from "../../twin/calibration/serving-point.ts";
import type { MeasuredRow } from "./measured-rows.ts";

export interface PredictedRow {
  readonly row: MeasuredRow;
  readonly predicted: ServingTimes;
  /** Between these, four of five measurements are expected. */
  readonly interval: Readonly<Record<keyof ServingTimes, readonly [number, number]>>;
  /** Whether the constants were fitted to this configuration: then its error says nothing. */
  readonly fitted: boolean;
  /** Whether the constants have seen the model's shape and the backend. */
  readonly known: boolean;
}

export function predictRows(rows: readonly MeasuredRow[], table: Table, file: ConstantsFile): PredictedRow[] {
  const used = new Set(file.configurations);
  return rows.map((row) => {
    const { point } = row;
    // A model that is only alike is no known one.
    const known = isKnown(table, point) && !row.assumed.some((what) => what.startsWith("model "));
    const predicted = predict(table, point);
    const { agg, disagg, unknown } = file.unseen.bands;
    const bands = !known ? unknown : point.prefill === null ? agg : disagg;
    const between = (measure: keyof ServingTimes): [number, number] => {
      const [low, high] = bands[measure];
      return [predicted[measure] * low, predicted[measure] * high];
    };
    return {
      row,
      predicted,
      interval: {
        ttftMs: between("ttftMs"),
        tpotMs: between("tpotMs"),
        outTokSGpu: between("outTokSGpu"),
      },
      fitted: used.has(configurationOf(point)),
      known,
    };
  });
}

/** The row with another prediction, of constants that have not seen it. */
export function movedTo(one: PredictedRow, predicted: ServingTimes): PredictedRow {
  const between = (measure: keyof ServingTimes): [number, number] => {
    const [low, high] = one.interval[measure].map(
      (end) => (end / one.predicted[measure]) * predicted[measure],
    );
    return [low, high];
  };
  const interval = {
    ttftMs: between("ttftMs"),
    tpotMs: between("tpotMs"),
    outTokSGpu: between("outTokSGpu"),
  };
  return { ...one, predicted, interval, fitted: false };
}

/** A row as JSON has it: in the names of the table that it came from. */
export function jsonRow({ row, predicted, interval, fitted, known }: PredictedRow): object {
  const { id, model, system, point, assumed, ttftMs, tpotMs, outTokSGpu } = row;
  const named = <T>(ttft: T, tpot: T, rate: T) => ({ ttft_ms: ttft, tpot_ms: tpot, out_tok_s_gpu: rate });
  const round = (value: number | null) => (value === null ? null : Number(value.toPrecision(6)));
  const between = (measure: keyof ServingTimes) => interval[measure].map(round);
  return {
    id,
    model: model === point.model.name ? model : `${model} as ${point.model.name}`,
    system,
    backend: point.backend,
    version: point.version,
    precision: point.precision,
    mode: point.prefill === null ? "agg" : "disagg",
    isl: point.isl,
    osl: point.osl,
    concurrency: point.concurrency,
    gpus: point.gpus,
    ...named(round(predicted.ttftMs), round(predicted.tpotMs), round(predicted.outTokSGpu)),
    interval: named(between("ttftMs"), between("tpotMs"), between("outTokSGpu")),
    measured: named(ttftMs, tpotMs, outTokSGpu),
    error: named(
      round(relativeError(predicted.ttftMs, ttftMs)),
      round(relativeError(predicted.tpotMs, tpotMs)),
      round(relativeError(predicted.outTokSGpu, outTokSGpu)),
    ),
    fitted,
    known,
    assumed,
  };
}
