import Table from "cli-table3";
import { EFFECT_AFTER_MS, type LoggedChange } from "./change-log.ts";
import { clockText, decimals, milliseconds } from "../lib/number-text.ts";
import { changeText } from "./simulation-text.ts";

/** 80 columns with cli-table3's borders. */
const COLUMN_WIDTHS = [11, 27, 19, 18];

/** What was done to a pool during a run. */
export function changeTable(changes: readonly LoggedChange[]): string {
  const table = new Table({
    head: ["At", "What was done", "TTFT p50, ms", "Balancedness"],
    colWidths: COLUMN_WIDTHS,
    colAligns: ["left", "left", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { atMs, change, before, after } of changes) {
    table.push([
      clockText(atMs),
      changeText(change),
      `${milliseconds(before.ttftMs)} → ${milliseconds(after?.ttftMs)}`,
      `${decimals(before.balancedness, 3)} → ${decimals(after?.balancedness, 3)}`,
    ]);
  }
  return `What was done during the run: how it did just before, and ${EFFECT_AFTER_MS / 1000} s after:\n${table.toString()}`;
}
