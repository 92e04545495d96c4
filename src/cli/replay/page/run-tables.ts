import { decimals, milliseconds } from "../../../lib/number-text.ts";
import { oneLine } from "../../../lib/printable.ts";
import { numberIn } from "../../../replay/report/report-value.ts";
import type { Json } from "../../../replay/report/json.ts";
import type { ReplayReport } from "../../../replay/report/report.ts";
import { barListHtml } from "../../../report/html/bar-list.ts";
import type { FigureTable } from "../../../report/html/figure-table.ts";

const COLUMNS = ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"];
const LATENCIES: readonly (readonly [name: string, key: string])[] = [
  ["First token (TTFT)", "ttft_ms"],
  ["Between tokens (ITL)", "itl_ms"],
  ["TPOT (not the first)", "tpot_ms"],
  ["End to end (E2E)", "e2el_ms"],
  ["TTFT from the send", "ttft_from_send_ms"],
  ["E2E from the send", "e2el_from_send_ms"],
  ["Schedule delay", "schedule_delay_ms"],
];
const LONGEST_TEXT = 200;

export function latencyTable(report: ReplayReport): FigureTable {
  return {
    caption: "Milliseconds",
    columns: ["", ...COLUMNS],
    rows: LATENCIES.map(([header, key]) => ({
      header,
      cells: COLUMNS.map((column) => milliseconds(numberIn(report, `${column}_${key}`))),
    })),
  };
}

const LATENESS: readonly (readonly [name: string, key: string])[] = [
  ["Sends, behind their time", "send_lateness_ms"],
  ["Event loop", "loop_lateness_ms"],
];

/** How late the client itself was. */
export function clientTable(client: ReplayReport): FigureTable {
  return {
    caption: "The client's own lateness, ms",
    columns: ["", "p50", "p99", "max"],
    rows: LATENESS.map(([header, key]) => ({
      header,
      cells: ["p50", "p99", "max"].map((part) => milliseconds(numberIn(client, `${part}_${key}`))),
    })),
  };
}

/** Each threshold; null where none was given. */
export function thresholdTable(report: ReplayReport): FigureTable | null {
  const checked = report["thresholds"];
  if (!Array.isArray(checked)) return null;
  return {
    caption: "Thresholds",
    columns: ["", "measured", ""],
    rows: (checked as readonly { threshold: string; value: number | null; met: boolean }[]).map(
      ({ threshold, value, met }) => ({
        header: threshold,
        cells: [decimals(value, 3), met ? "met" : "MISSED"],
      }),
    ),
  };
}

/** Failures by reason, as bars; empty where there are none. */
export function failureBars(report: ReplayReport): string {
  const counts = countsOf(report["failures"]);
  const all = numberIn(report, "sent") ?? 0;
  if (counts.length === 0) return "";
  const most = Math.max(...counts.map(([, count]) => count));
  return barListHtml({
    title: "Failures by reason",
    unit: `of ${decimals(all, 0)} requests`,
    bars: counts.map(([name, count]) => {
      return { name, text: decimals(count, 0), part: count / most, fill: "none" };
    }),
    line: null,
    says: counts.map(([name, count]) => `${count} requests failed with ${name}`).join("; "),
    table: null,
  });
}

/** What servers said of failures; null where they said nothing. */
export function errorTextTable(report: ReplayReport): FigureTable | null {
  const counts = countsOf(report["error_texts"]);
  if (counts.length === 0) return null;
  return {
    caption: "What the server said",
    columns: ["", "times"],
    rows: counts.map(([text, count]) => ({
      header: oneLine(text, LONGEST_TEXT),
      cells: [decimals(count, 0)],
    })),
  };
}

function countsOf(counts: Json | undefined): [name: string, count: number][] {
  const entries = Object.entries((counts ?? {}) as Readonly<Record<string, number>>);
  return entries.toSorted(([, a], [, b]) => b - a);
}
