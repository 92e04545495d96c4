import Table from "cli-table3";
import {
  type Compared,
  type ErrorOf,
  type TimeErrors,
  timeErrors,
} from "../../twin/calibration/error-summary.ts";
import type { MeasuredRow } from "./measured-rows.ts";

export interface ComparedRow extends Compared {
  readonly row: MeasuredRow;
}

/** What errors are said by. */
const GROUPINGS: readonly (readonly [name: string, groupOf: (row: MeasuredRow) => string])[] = [
  ["model", ({ point }) => point.model.name],
  ["system", ({ point }) => point.gpu.name],
  ["backend", ({ point }) => point.backend],
  ["mode", ({ point }) => (point.prefill === null ? "agg" : "disagg")],
  ["precision", ({ point }) => point.precision],
  ["ep", ({ point }) => range([1, 2, 8, 16, 64], point.decode.ep)],
  ["concurrency", ({ point }) => range([1, 16, 64, 256, 1024], point.concurrency)],
];

/** All of these but precision at once. Too many for a table. */
const CELL = "cell";

/** Errors of all, and by group: `{all: {all}, model: {…}, …}`. */
export function errorsBy(rows: readonly ComparedRow[]): Record<string, Record<string, TimeErrors>> {
  const by: Record<string, Record<string, TimeErrors>> = { all: { all: timeErrors(rows) } };
  const parts = GROUPINGS.filter(([name]) => name !== "precision");
  const cellOf = (row: MeasuredRow) => parts.map(([, groupOf]) => groupOf(row)).join(" | ");
  for (const [name, groupOf] of [...GROUPINGS, [CELL, cellOf] as const]) {
    const groups = new Map<string, ComparedRow[]>();
    for (const one of rows) groups.set(groupOf(one.row), [...(groups.get(groupOf(one.row)) ?? []), one]);
    const sorted = [...groups].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    by[name] = Object.fromEntries(sorted.map(([group, some]) => [group, timeErrors(some)]));
  }
  return by;
}

/** Errors under the names that the table of points has. */
function jsonErrors({ ttftMs, tpotMs, outTokSGpu }: TimeErrors): object {
  return { ttft_ms: ttftMs, tpot_ms: tpotMs, out_tok_s_gpu: outTokSGpu };
}

/** The same of each group. */
export function jsonErrorsBy(by: Readonly<Record<string, TimeErrors>>): Record<string, object> {
  return Object.fromEntries(Object.entries(by).map(([group, errors]) => [group, jsonErrors(errors)]));
}

/** Median and 90th percentile in percent. */
export function errorsTable(by: Readonly<Record<string, Readonly<Record<string, TimeErrors>>>>): string {
  const table = new Table({
    head: ["", "", "points", "TPOT, %", "throughput, %", "TTFT, %"],
    colAligns: ["left", "left", "right", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, groups] of Object.entries(by)) {
    if (name === CELL) continue;
    for (const [group, { tpotMs, outTokSGpu, ttftMs }] of Object.entries(groups)) {
      const points = Math.max(...[tpotMs, outTokSGpu, ttftMs].map((error) => error?.points ?? 0));
      table.push([name === "all" ? "" : name, group, points, text(tpotMs), text(outTokSGpu), text(ttftMs)]);
    }
  }
  return table.toString();
}

function text(error: ErrorOf | null): string {
  return error === null ? "–" : `${(100 * error.median).toFixed(1)} (${(100 * error.p90).toFixed(0)})`;
}

/** The range of a value: `16-63`, and `1024+` for the last. @param starts ascending */
function range(starts: readonly number[], value: number): string {
  const at = starts.findLastIndex((start) => start <= value);
  const [start, next] = [starts[at], starts[at + 1]];
  return next === undefined ? `${start}+` : next - 1 === start ? `${start}` : `${start}-${next - 1}`;
}
