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
