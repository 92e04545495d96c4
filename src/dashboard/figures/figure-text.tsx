import { NONE, percent, short } from "../format.ts";
import { roomOf } from "../gpus/gpu-cost.ts";
import type { HistoryFigures } from "../history/history-row.ts";
import type { Percentiles } from "../live/wire.ts";
import type { FigureTexts } from "./figure.tsx";

/** How much longer a step may take. @param factor how many times as long as an even one it takes */
export function roomText(factor: number | null, loadLine: number): string {
  const room = roomOf(factor, loadLine);
  if (room === null) return NONE;
  return room >= 0 ? percent(room) : `${percent(-room)} past`;
}

/** Null where there was none. */
export function latencyOf(row: HistoryFigures, which: "ttft" | "itl"): Percentiles | null {
  const [p50, p95, p99] = [row[`${which}P50`], row[`${which}P95`], row[`${which}P99`]];
  return p50 === null || p95 === null || p99 === null ? null : { p50, p95, p99 };
}

/** @param percentiles ms; null where there was none */
export function latencyTexts(percentiles: Percentiles | null): Pick<FigureTexts, "value" | "detail"> {
  if (percentiles === null) return { value: NONE, detail: null };
  const { p50, p95, p99 } = percentiles;
  const value = (
    <>
      {short(p50)} <small>ms p50</small>
    </>
  );
  return { value, detail: `p95 ${short(p95)} · p99 ${short(p99)} ms` };
}

/** Null where it is not known. */
export function told(value: number | null | undefined, text: (value: number) => string): string | null {
  return value === null || value === undefined ? null : text(value);
}
