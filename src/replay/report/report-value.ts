import type { GoodputTargets } from "../measures/goodput.ts";
import type { ReplayReport } from "./report.ts";

/** Null where a report has no such number. */
export function numberIn(report: ReplayReport, key: string): number | null {
  const value = report[key];
  return typeof value === "number" ? value : null;
}

/** Empty where a report has no such text. */
export function textIn(report: ReplayReport, key: string): string {
  const value = report[key];
  return typeof value === "string" ? value : "";
}

/** What a run's requests were judged by. */
export function goodputOf(report: ReplayReport): GoodputTargets | null {
  const targets = report["goodput_targets_ms"];
  if (typeof targets !== "object" || targets === null || Array.isArray(targets)) return null;
  const of = (key: string): number | null => numberIn(targets as ReplayReport, key);
  return { ttftMs: of("ttft"), tpotMs: of("tpot"), e2eMs: of("e2el") };
}
