import Table from "cli-table3";
import { relativeError } from "../../twin/calibration/error-summary.ts";
import type { ServingTimes } from "../../twin/calibration/serving-point.ts";
import { type ComparedRow, errorsBy, errorsTable, jsonErrorsBy } from "./row-groups.ts";
import type { MeasuredRow } from "./measured-rows.ts";
import type { RanRow } from "./run-points.ts";

/** What runs came to beside what was measured, and beside arithmetic. */
export interface RunReport {
  readonly value: object;
  readonly text: string;
}

export function runReport(rows: readonly RanRow[]): RunReport {
  const ran = rows.flatMap(({ row, predicted, run }) => (run === null ? [] : [{ row, predicted, run }]));
  const known = ran.filter(({ row }) => (row.tpotMs ?? row.ttftMs ?? row.outTokSGpu) !== null);
  const compared = (of: (row: (typeof ran)[number]) => ServingTimes): ComparedRow[] =>
    known.map((one) => ({ row: one.row, measured: one.row, predicted: of(one) }));
  const [byRun, byArithmetic] = [
    errorsBy(compared(({ run }) => run)),
    errorsBy(compared(({ predicted }) => predicted)),
  ];
  const json = (by: typeof byRun) =>
    Object.fromEntries(Object.entries(by).map(([name, groups]) => [name, jsonErrorsBy(groups)]));
  const summary = {
    rows: rows.length,
    ran: ran.length,
    errors: { run: json(byRun), arithmetic: json(byArithmetic) },
  };
  const said = [
    rowsTable(ran),
    `${ran.length} of ${rows.length} points run; ${rows.length - ran.length} do not fit.`,
    known.length === 0
      ? ""
      : `Errors of the runs, median (90th percentile):\n${errorsTable(byRun)}\n\nOf arithmetic, on the same points:\n${errorsTable({ all: byArithmetic["all"] })}`,
  ];
  return {
    value: { rows: rows.map(jsonRan), summary },
    text: said.filter((part) => part !== "").join("\n\n"),
  };
}

function jsonRan({ row, predicted, run }: RanRow): object {
  const measured = { ttftMs: row.ttftMs, tpotMs: row.tpotMs, outTokSGpu: row.outTokSGpu };
  return {
    id: row.id,
    model: row.point.model.name,
    measured: named(measured),
    arithmetic: { ...named(predicted), error: errorsOf(predicted, row) },
    run:
      run === null
        ? null
        : { ...named(run), error: errorsOf(run, row), steps: run.steps, requests: run.requests },
  };
}

function named(times: Readonly<Record<keyof ServingTimes, number | null>>) {
  const round = (value: number | null) => (value === null ? null : Number(value.toPrecision(6)));
  return {
    ttft_ms: round(times.ttftMs),
    tpot_ms: round(times.tpotMs),
    out_tok_s_gpu: round(times.outTokSGpu),
  };
}

function errorsOf(times: ServingTimes, row: MeasuredRow) {
  return named({
    ttftMs: relativeError(times.ttftMs, row.ttftMs),
    tpotMs: relativeError(times.tpotMs, row.tpotMs),
    outTokSGpu: relativeError(times.outTokSGpu, row.outTokSGpu),
  });
}

function rowsTable(
  rows: readonly { row: MeasuredRow; predicted: ServingTimes; run: ServingTimes }[],
): string {
  const table = new Table({
    head: ["", "TPOT, ms", "run", "arithmetic", "TTFT, ms", "run", "arithmetic"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  const off = (value: number, measured: number | null) => {
    const error = relativeError(value, measured);
    return error === null ? value.toPrecision(4) : `${error > 0 ? "+" : ""}${(100 * error).toFixed(0)} %`;
  };
  for (const { row, predicted, run } of rows) {
    const cells = (measure: "tpotMs" | "ttftMs") => [
      row[measure]?.toPrecision(4) ?? "–",
      off(run[measure], row[measure]),
      off(predicted[measure], row[measure]),
    ];
    table.push([row.id.slice(0, 60), ...cells("tpotMs"), ...cells("ttftMs")]);
  }
  return table.toString();
}
