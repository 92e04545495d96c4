import Table from "cli-table3";
import type { ConstantsFile } from "../../config/calibration/constants-file.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { quantile } from "../../twin/calibration/error-summary.ts";
import { attentionBalanceRows } from "../../twin/calibration/published/attention-balance.ts";
import { arithmeticRows } from "../../twin/calibration/published/deployment-arithmetic.ts";
import type { PublishedRow } from "../../twin/calibration/published/published-row.ts";
import { wideEpRows } from "../../twin/calibration/published/wide-ep.ts";
import { errorsTable, jsonErrorsBy } from "./row-groups.ts";

/** Published results beside predictions, and how far the constants are off on points that they have not seen. */
export function publishedResult(
  file: ConstantsFile,
  deepseekV3: MoeModel,
): { readonly value: object; readonly text: string } {
  const rows = [...wideEpRows(deepseekV3), ...attentionBalanceRows(), ...arithmeticRows()];
  const errors = rows
    .filter(({ fitted }) => !fitted)
    .map((row) => Math.abs(errorOf(row)))
    .sort((a, b) => a - b);
  const { folds } = file.unseen;
  const summary = {
    rows: rows.length,
    predicted: rows.length,
    coverage: 1,
    fitted: rows.length - errors.length,
    counted: errors.length,
    median: quantile(errors, 0.5),
    p90: quantile(errors, 0.9),
    unseen: jsonErrorsBy(folds),
  };
  const value = {
    rows: rows.map((row) => ({ ...row, measured: row.published, error: errorOf(row) })),
    summary,
  };
  const left = Object.fromEntries(Object.entries(folds).map(([name, off]) => [`without its ${name}`, off]));
  const text = [
    rowsTable(rows),
    `${rows.length} rows, all predicted; ${summary.fitted} that a constant was fitted to (*), which are not counted. The ${errors.length} others: median error ${percent(summary.median)}, 90th percentile ${percent(summary.p90)}.`,
    `Measured serving points (${file.source}), each predicted by constants that are fitted without it; median error (90th percentile):\n${errorsTable({ "": left })}`,
  ].join("\n\n");
  return { value, text };
}

function errorOf({ predicted, published }: PublishedRow): number {
  return predicted / published - 1;
}

function rowsTable(rows: readonly PublishedRow[]): string {
  const table = new Table({
    head: ["system", "", "published", "predicted", "error"],
    colAligns: ["left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  let system = "";
  for (const row of rows) {
    const { what, unit, published, predicted, fitted } = row;
    table.push([
      row.system === system ? "" : row.system,
      `${what}, ${unit}`,
      number(published),
      number(predicted),
      fitted ? "*" : percent(errorOf(row)),
    ]);
    system = row.system;
  }
  return table.toString();
}

function number(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)));
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
